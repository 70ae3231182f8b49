"""Runs an answer, compares it with what is right, and names or describes what differs.

An answer is called on copies, so that a change in place is seen; with views in another memory order
and in float32; with the same arrays when they hold other numbers, all of them and one at a time;
and once more after that, for a result of its own. What is right comes from an oracle, another way
to the same numbers, and is computed before the call. A difference is named from the table of
collected mistakes beside the checks, or described by what is true of it.
"""

import contextlib
import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinytorch.checking.calls import Case, called, function_of, parameters, raised
from tinytorch.checking.describe import describe, finding
from tinytorch.checking.values import (
    Evidence,
    bare,
    close,
    copied,
    copies,
    digest,
    frozen,
    is_numeric,
    is_wide,
    lasting,
    listed,
    narrowed,
    rolled,
    same,
    same_evidence,
    shown,
    turned,
    unlike,
    with_article,
)


def read_table(path: Path) -> dict[str, list[list[Any]]]:
    """Collected mistakes: what came, and its name, for each place where they were seen."""
    if not path.exists():
        return {}
    table: dict[str, list[list[Any]]] = json.loads(path.read_text(encoding="utf-8"))
    return table


class Checker:
    """Calls the answers to one module's exercises, for its checks file.

    Args:
        file: the checks file; its table of mistakes stands beside it.
    """

    def __init__(self, file: str) -> None:
        self.known = read_table(Path(file.replace("_checks.py", "_mistakes.json")))
        self.about = ""  # the exercise, by the name of its checks
        self.passed: list[str] = []  # its cases that were right
        self.paper = ""  # what differs in the case on paper

    def exercise(self, checks: Callable[..., None]) -> Callable[..., None]:
        """Make the checks of one exercise (a decorator).

        They are called with the answers and, where the text works one out, a case on paper: its
        arguments, and what it `gives`. That case is looked at first and told beside what the others
        show. An error in them becomes a message.
        """
        count = len(parameters(checks))

        @functools.wraps(checks)
        def run(*given: Any, gives: Any = None) -> None:
            answers, arguments = given[:count], given[count:]
            self.about, self.passed, self.paper = checks.__name__, [], ""
            if gives is not None:
                self._look_on_paper(answers[0], arguments, gives)
            try:
                checks(*answers)
            except NotImplementedError:
                raise
            except AssertionError as wrong:  # the way through the checks tells a learner nothing
                raise wrong.with_traceback(getattr(wrong, "way", wrong.__traceback__)) from None
            except Exception as error:
                self.fail("", raised(error), f"{type(error).__name__}: {error}", error=error)
            if self.paper:
                self.fail("", "the other cases are right", "")

        return run

    def _look_on_paper(self, answer: Any, arguments: Sequence[Any], gives: Any) -> None:
        """Note what differs in a case worked out by hand; lists stand for arrays of floats."""
        function = answer.rule if self.about.endswith("_rule") else function_of(answer)
        arrays = [np.array(x, float) if isinstance(x, list) else x for x in arguments]
        with contextlib.suppress(Exception):  # the other cases tell of an error
            got, right = listed(function(*arrays)), listed(gives)
            pairs = [
                (np.asarray(bare(x), float), np.array(y, float))
                for x, y in zip(got, right, strict=True)
            ]
            wrong = [
                f"{x.round(4).tolist()}, not {y.tolist()}" for x, y in pairs if not close(x, y)
            ]
            self.paper = f"on paper it gives {wrong[0]}" if wrong else ""

    def agree(
        self,
        function: Callable[..., Any],
        oracle: Callable[..., Any],
        *arguments: Any,
        what: str,
        names: Sequence[str] = (),
        results: Sequence[str] = (),
        kind: type | None = None,
        dtypes: bool = True,
        once: bool = False,
        quiet: bool = False,
        rtol: float = 1e-7,
        **options: Any,
    ) -> Any:
        """Compare an answer with the oracle, and return what the answer gave.

        Args:
            function: the answer; of an `Op`, its `forward` is called.
            oracle: another way to the same result; of a tensor it gets the array.
            arguments: arrays, tensors, anything else; `options` are handed over by name.
            what: the case in a few words: messages begin with it.
            names: of the arguments, where the answer's signature does not say them.
            results: names of the results, where there are several.
            kind: the class that the result must have.
            dtypes: floats must come back in the dtype that the oracle gives.
            once: leave out other memory orders, dtypes and the second call.
            quiet: what NumPy would warn of, as an overflow, is an error.
            rtol: how far numbers of float64 may differ, relatively.
        """
        function = function_of(function)
        names = names or parameters(function)
        case = Case(what, function, oracle, arguments, options, names, results, rtol)
        right = case.right()
        strict = np.errstate(over="raise", invalid="raise", divide="raise")
        with strict if quiet else contextlib.nullcontext():
            got = self._call(case)
        first = copied(got)
        if kind and not isinstance(got, kind):
            text = f"{shown(got)} came, expected {with_article(kind.__name__)}{after_none(got)}"
            self.fail(what, text, type(got).__name__, "kind")
        self._compare(got, right, case, dtypes)
        if not once:
            self._in_other_forms(case, dtypes)
            self._once_more(case, got, first)
        self.passed.append(what)
        return first

    def call(
        self, function: Callable[..., Any], *arguments: Any, what: str, names: Sequence[str] = ()
    ) -> Any:
        """Call an answer once; an error, or a change in place, becomes a message about the case."""
        function = function_of(function)
        return self._call(Case(what, function, arguments=arguments, names=names))

    def rule(
        self,
        op: Any,
        forward: Callable[..., Any],
        oracle: Callable[..., Any],
        grad: Any,
        *inputs: Any,
        what: str,
        **options: Any,
    ) -> None:
        """Compare an op's gradient rule with an oracle of (grad, *inputs).

        The rule gets a real output, made by `forward`. The dtype of a gradient is its own affair.
        """
        names = ["grad", *parameters(op.rule)[2:]]

        def answer(grad: Any, *inputs: Any, **options: Any) -> Any:
            output = np.asarray(forward(*copies(inputs), **options))
            before = output.copy()
            gradients = op.rule(grad, output, *inputs, **options)
            if not same(output, before):
                self.fail(what, "you changed output: make a copy first", "changed", "output")
            self._keep_digits(what, names[1:], listed(gradients), inputs)
            return gradients

        answer.__name__ = op.rule.__name__
        results = [f"the gradient of {name}" for name in names[1 : len(inputs) + 1]]
        self.agree(
            answer, oracle, grad, *inputs,
            what=what, names=names, results=results, dtypes=False, **options,
        )  # fmt: skip

    def learns(
        self,
        function: Callable[..., Any],
        oracle: Callable[..., Any],
        *arguments: Any,
        what: str,
    ) -> None:
        """Compare the gradients of tensors of float64 with central differences of the oracle.

        Where there are several results, the first is meant.
        """
        names = parameters(function)
        asked = [n for n, x in enumerate(arguments) if getattr(x, "requires_grad", False)]
        arrays = [*map(bare, copies(arguments))]
        rights = {names[number]: differences(oracle, arrays, number) for number in asked}
        leaves = {names[number]: arguments[number] for number in asked}
        self._gradients_are(rights, function(*arguments), leaves, what)
        for number in asked if len(asked) > 1 else []:
            given = [*map(frozen, arguments)]
            name, leaf = names[number], copied(arguments[number])
            given[number] = leaf
            told = f"{what}, where {name} alone learns"
            self._gradients_are(rights, function(*given), {name: leaf}, told)
        self.passed.append(what)

    def _gradients_are(
        self, rights: dict[str, Any], result: Any, leaves: dict[str, Any], what: str
    ) -> None:
        """Go back from a result, and compare the gradient that each leaf gets."""
        output = listed(result)[0]
        if not getattr(output, "requires_grad", False):
            text = "the result requires no gradient: on the way an array was taken"
            self.fail(what, text, "", "cut")
        output.backward(upstream(output.data))
        for name, leaf in leaves.items():
            where, right = f"{what}, the gradient of {name}", rights[name]
            if leaf.grad is None:
                self.fail(where, "none arrives: on the way its array was taken", "none")
            got = np.asarray(bare(leaf.grad))
            if got.shape != right.shape or not np.allclose(got, right, rtol=1e-4, atol=1e-6):
                self.fail(where, describe(got, right, None), digest(got))

    def raises(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        error: type[Exception] = ValueError,
        says: Sequence[str] = (),
        what: str = "",
        **options: Any,
    ) -> None:
        """Ask for an error of a kind, with each of `says` in its message."""
        function = function_of(function)
        what = what or called(getattr(function, "__name__", "the call"), arguments, options)
        must = f"it must raise {with_article(error.__name__)}"
        try:
            got = function(*copies(arguments), **options)
        except NotImplementedError:
            raise
        except error as caught:
            missing = [part for part in says if part not in str(caught)]
            if missing:
                text = f"the message must hold {missing[0]!r}; it is: {caught}"
                self.fail(what, text, str(caught))
        except Exception as other:
            self.fail(what, f"{must}; it raises {raised(other)}", str(other))
        else:
            self.fail(what, f"{must}; it gives {shown(got)}", digest(got))

    def that(self, condition: Any, text: str, came: Any = "", what: str = "") -> None:
        """Ask for one thing; `text` says what must be so, and what is.

        A collected mistake is known by `what`, or else the text, and by what `came`.
        """
        if not condition:
            self.fail(what, text, digest(came), "" if what else text)

    def same(self, got: Any, right: Any, what: str) -> None:
        """Compare two values that are at hand."""
        self._compare(got, right, Case(what), dtypes=False)

    def fail(
        self,
        where: str,
        text: str,
        evidence: Evidence,
        aspect: str = "",
        error: Exception | None = None,
    ) -> None:
        """Raise an `AssertionError`, with the name of a collected mistake where it fits."""
        key = ": ".join(filter(None, (self.about, where, aspect)))
        evidence = lasting(evidence)
        names = [name for came, name in self.known.get(key, []) if same_evidence(came, evidence)]
        text = " or ".join(names) or text
        before = self.passed[-2:] if not names else []
        text += f" (right before: {'; '.join(before)})" if before else ""
        told = filter(None, (f"{where}: {text}" if where else text, self.paper))
        wrong = AssertionError("\n".join(told))
        wrong.evidence = (key, evidence)  # type: ignore[attr-defined]  # for the table of mistakes
        way = wrong.way = error.__traceback__ if error else None  # type: ignore[attr-defined]
        raise wrong.with_traceback(way) from None

    def _call(self, case: Case) -> Any:
        """Call the answer on copies, and see that it leaves them alone."""
        given, options = copies(case.arguments), copies(case.options.values())
        try:
            got = case.function(*given, **dict(zip(case.options, options, strict=True)))
        except NotImplementedError:
            raise
        except Exception as error:
            if hasattr(error, "evidence"):
                raise
            told = raised(error, getattr(case.function, "__name__", ""))
            evidence = f"{type(error).__name__}: {error}"
            told += f"; called with {case.told}" if case.arguments else ""
            self.fail(case.what, told, evidence, error=error)
        handed = [*zip(case.names, case.arguments, given, strict=False)]
        handed += zip(case.options, case.options.values(), options, strict=True)
        for name, before, after in handed:
            if not same(before, after):
                text = f"you changed {name}, which belongs to the caller: make a copy first"
                self.fail(case.what, text, "changed", name)
        return got

    def _keep_digits(
        self, what: str, names: Sequence[str], gradients: Sequence[Any], inputs: Sequence[Any]
    ) -> None:
        """Ask that no gradient is of a narrower float than its input."""
        for name, *pair in zip(names, gradients, inputs, strict=False):
            came, own = (np.asarray(bare(x)).dtype for x in pair)
            if came.kind == own.kind == "f" and came.itemsize < own.itemsize:
                text = f"the gradient of {name} is {came}, {name} is {own}: digits are lost"
                self.fail(what, text, came.name, f"the dtype for {name}")

    def _compare(self, got: Any, right: Any, case: Case, dtypes: bool) -> None:
        if isinstance(right, tuple) and any(isinstance(bare(x), np.ndarray) for x in right):
            self._compare_each(got, right, case, dtypes)
        elif not is_numeric(right) or isinstance(right, bool | int):
            if type(got) is not type(right) or got != right:
                self.fail(case.what, f"{unlike(got, right)}{after_none(got)}", digest(got))
        elif not is_numeric(got):
            text = f"{shown(got)} came, expected {shown(np.asarray(bare(right)))}{after_none(got)}"
            self.fail(case.what, text, digest(got))
        elif not close(bare(got), bare(right), case.rtol):
            text = describe(np.asarray(bare(got)), np.asarray(bare(right)), case)
            self.fail(case.what, text, digest(got))
        elif dtypes:
            came, expected = (np.asarray(bare(x)).dtype for x in (got, right))
            if expected.kind == "f" and came != expected:
                self.fail(case.what, f"{came} came, expected {expected}", str(came), "dtype")

    def _compare_each(self, got: Any, right: tuple[Any, ...], case: Case, dtypes: bool) -> None:
        names = case.results or [f"result {number}" for number in range(1, len(right) + 1)]
        if not isinstance(got, tuple | list) or len(got) != len(right):
            came = f"{len(got)} result(s)" if isinstance(got, tuple | list) else shown(got)
            text = f"{came} came, expected {len(right)}: {', '.join(names)}{after_none(got)}"
            self.fail(case.what, text, came)
        in_order = all(map(close, map(bare, got), map(bare, right)))
        turned_round = all(map(close, map(bare, got[::-1]), map(bare, right)))
        if len(right) == 2 and turned_round and not in_order:
            self.fail(case.what, "the two results came in the other order", "other order")
        parts = [case.part(number, name) for number, name in enumerate(names)]
        triples = [*zip(got, right, parts, strict=True)]
        for one, other, part in sorted(triples, key=lambda triple: not is_described(*triple)):
            self._compare(one, other, part, dtypes)

    def _in_other_forms(self, case: Case, dtypes: bool) -> None:
        """Views of transposed arrays give the same; float32 gives float32."""
        views = case.having(map(turned, case.arguments), "as views of transposed arrays")
        self._compare(self._call(views), case.right(), views, dtypes=False)
        if any(map(is_wide, case.arguments)):
            narrow = case.having(map(narrowed, case.arguments), "in float32")
            self._compare(self._call(narrow), narrow.right(), narrow, dtypes)

    def _once_more(self, case: Case, got: Any, first: Any) -> None:
        """Calls between are right, and change neither the first result nor the next."""
        given = copies(case.arguments)
        moved = [n for n, x in enumerate(given) if isinstance(bare(x), np.ndarray)]
        with contextlib.suppress(Exception):
            case.function(*given, **case.options)
        self._with_others(case, given, moved, "the numbers in other places")
        for number in moved if len(moved) > 1 else []:
            told = f"the numbers of {case.names[number]} alone in other places"
            self._with_others(case, given, [number], told)
        if not same(first, got):
            text = "a later call changes what the first call returned"
            self.fail(case.what, text, "changed", "later")
        again = case.having(case.arguments, "called again after other numbers")
        last = self._call(again)
        self._compare(last, first, again, dtypes=False)
        pairs = zip(map(bare, listed(got)), map(bare, listed(last)), strict=True)
        arrays = [pair for pair in pairs if isinstance(pair[0], np.ndarray)]
        if any(np.may_share_memory(*pair) for pair in arrays):
            text = "two calls give the same array: who changes one result changes the other"
            self.fail(case.what, text, "shared", "one array")

    def _with_others(self, case: Case, given: list[Any], moved: list[int], how: str) -> None:
        """Call with arrays that were handed in before, and hold other numbers now."""
        for number in moved:
            bare(given[number])[...] = rolled(bare(given[number]))
        between, right, other = case.having(given, how), None, None
        with contextlib.suppress(Exception), np.errstate(all="ignore"):
            right, other = between.right(), case.function(*given, **case.options)
        if right is not None:  # not all numbers may stand anywhere
            self._compare(other, right, between, dtypes=False)


def is_described(got: Any, right: Any, case: Case) -> bool:
    """Whether a sentence is true of a wrong result: it is told before one with two numbers only."""
    if not is_numeric(got) or close(bare(got), bare(right)):
        return False
    return bool(finding(np.asarray(bare(got)), np.asarray(bare(right)), case))


def upstream(output: Any) -> Any:
    """A gradient for an output, in which no two numbers are alike."""
    return np.cos(np.arange(np.size(output))).reshape(np.shape(output))


def differences(
    oracle: Callable[..., Any], arrays: list[Any], number: int, step: float = 1e-5
) -> Any:
    """Central differences of `sum(upstream * oracle(...))` for one of its arguments."""
    x, grad = arrays[number], upstream(listed(oracle(*arrays))[0])
    slope = np.empty(x.shape)
    for place in np.ndindex(x.shape):
        sides, middle = [], x[place]
        for x[place] in (middle + step, middle - step):
            sides.append(np.vdot(grad, listed(oracle(*arrays))[0]))
        x[place] = middle
        slope[place] = (sides[0] - sides[1]) / (2 * step)
    return slope


def after_none(got: Any) -> str:
    return ": is a return missing?" if got is None else ""
