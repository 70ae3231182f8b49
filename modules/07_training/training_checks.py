"""What the test cells of module 07 call: small models whose gradients are known by hand."""

import contextlib
import copy
import json
import math
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from tinytorch.checking import Checker, shown, with_article
from tinytorch.core.layers import Dropout, Layer, Sequential
from tinytorch.core.optimizers import SGD, AdamW
from tinytorch.core.tensor import Array, Tensor

check = Checker(__file__)
Function = Callable[..., Any]
WEIGHTS = np.array([0.5, -1.0, 2.0])


class Plain(Layer):
    """x @ weight, and a parameter that nothing uses."""

    def __init__(self) -> None:
        self.weight = Tensor(WEIGHTS.copy(), requires_grad=True, dtype=np.float64)
        self.unused = Tensor(np.ones(2), requires_grad=True)

    def forward(self, x: Any) -> Tensor:
        return x @ self.weight


def batch_of(count: int, seed: int = 1) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, 3)), rng.normal(size=count)


def loss_of(model: Layer, batch: tuple[Array, ...]) -> Tensor:
    """Mean squared error."""
    x, y = (Tensor(array, dtype=np.float64) for array in batch)
    error = model(x) - y
    return (error * error).mean()


def by_hand(weight: Array, batch: tuple[Array, ...]) -> tuple[float, Array]:
    """The loss of a batch, and its gradient."""
    x, y = batch
    error = x @ weight - y
    return float((error**2).mean()), 2 * x.T @ error / len(y)


def plain_number(number: Any, what: str) -> None:
    kind = with_article(type(number).__name__)
    text = f"it must be a plain float; it is {shown(number)}, {kind}"
    check.that(isinstance(number, float), text, type(number).__name__, what)


# ---- 7.1 and 7.2 ----


@check.exercise
def overfit_one_batch(function: Function) -> None:
    for steps in (1, 4, 0):
        what = "one step" if steps == 1 else f"{steps} steps"
        model, batch = Plain(), batch_of(7)
        model.weight.grad = np.full(3, 9.0)  # left over from before
        given = (model.eval(), SGD(model.parameters(), 0.1), loss_of, batch, steps)
        losses = check.call(lambda given=given: function(*given), what=what)
        text = f"the losses must be a list; it is {shown(losses)}"
        check.that(isinstance(losses, list), text, type(losses).__name__, what)
        check.same(len(losses), steps, f"{what}: how many losses")
        weight, right = WEIGHTS.copy(), []
        for _ in range(steps):
            loss, grad = by_hand(weight, batch)
            right.append(loss)
            weight = weight - 0.1 * grad
        for number, loss in enumerate(losses):
            plain_number(loss, f"{what}: loss {number}")
        check.same(np.array(losses), np.array(right), f"{what}: the losses")
        check.same(model.weight.data, weight, f"{what}: the weights at the end")
        check.that(not model.training, "the model's mode was changed: leave it", "mode", what)
    model, batch = Plain(), batch_of(5)
    losses = function(model, SGD(model.parameters(), 0.01), loss_of, batch)
    check.same(len(losses), 100, "without `steps`: how many losses")


class Spy(Layer):
    """A model of two parts, one in each mode, that notes how it is called."""

    def __init__(self) -> None:
        self.inner, self.dropout = Plain(), Dropout(0.5, rng=np.random.default_rng(1))
        self.inner.eval()
        self.seen: list[tuple[bool, ...]] = []

    def forward(self, x: Any) -> Tensor:
        output = self.inner(self.dropout(x))
        self.seen.append((self.training, self.dropout.training, output.node is not None))
        return output

    def modes(self) -> list[bool]:
        return [self.training, self.inner.training, self.dropout.training]


@check.exercise
def evaluate(function: Function) -> None:
    batches = [batch_of(5), batch_of(2, seed=2), batch_of(4, seed=3)]
    losses = [by_hand(WEIGHTS, batch)[0] for batch in batches]
    mean = (5 * losses[0] + 2 * losses[1] + 4 * losses[2]) / 11
    for what, given in (("batches of 5, 2 and 4", batches), ("the same as a generator", None)):
        model = Spy()
        model.inner.weight.grad = np.full(3, 9.0)
        stream = (batch for batch in batches) if given is None else given
        found = check.call(lambda m=model, s=stream: function(m, s, loss_of), what=what)
        for text, position in (
            ("the model itself is not in evaluation", 0),
            ("dropout is on: put every layer into evaluation", 1),
            ("the passes are recorded: use no_grad", 2),
        ):
            check.that(not any(one[position] for one in model.seen), text, text, what)
        check.same(len(model.seen), 3, f"{what}: how many passes")
        check.same(found, mean, f"{what}: the mean loss")
        plain_number(found, what)
        after = model.modes()
        text = "each layer must be in its own mode again: True, False, True"
        check.that(after == [True, False, True], f"{text}; they are {after}", after, what)
        same = np.array_equal(model.inner.weight.grad, np.full(3, 9.0))
        check.that(same, "a gradient was changed", "gradient", what)
        check.same(model.inner.weight.data, WEIGHTS, f"{what}: the weights after it")
    after_an_error(function)
    what = "no batch at all"
    check.raises(lambda: function(Spy(), [], loss_of), error=ValueError, what=what)


def after_an_error(function: Function) -> None:
    what, model = "a loss function that fails", Spy()

    def broken(model: Layer, batch: Any) -> Tensor:
        raise ZeroDivisionError("on purpose")

    with contextlib.suppress(ZeroDivisionError):
        function(model, [batch_of(5)], broken)
        check.that(False, "its error must go on to the caller", "no error", what)
    after = model.modes()
    text = f"each layer must be in its own mode again; they are {after}, not [True, False, True]"
    check.that(after == [True, False, True], text, after, what)


# ---- 7.3 and 7.4 ----


@check.exercise
def split_batch(function: Function) -> None:
    for count, parts in ((7, 3), (6, 3), (2, 5), (1, 1), (11, 4), (5, 5)):
        what = f"{count} samples in {parts} part{'s' * (parts > 1)}"
        batch = (np.arange(2 * count).reshape(count, 2), np.arange(count) * 10, np.ones((count, 0)))
        found = check.call(lambda b=batch, p=parts: function(b, p), what=what)
        text = f"it must be a list; it is {shown(found)}"
        check.that(isinstance(found, list), text, type(found).__name__, what)
        number = min(parts, count)
        check.same(len(found), number, f"{what}: how many parts")
        for part in found:
            text = f"a part must be a tuple of 3 arrays, like a batch; it is {shown(part)}"
            check.that(isinstance(part, tuple) and len(part) == 3, text, type(part).__name__, what)
            rows = [len(array) for array in part]
            text = f"the arrays of a part must have equally many rows; they have {rows}"
            check.that(len(set(rows)) == 1, text, rows, what)
        sizes = [len(part[0]) for part in found]
        text = f"the sizes of the parts must differ by at most 1; they are {sizes}"
        check.that(max(sizes) - min(sizes) <= 1, text, sizes, what)
        check.same(sum(sizes), count, f"{what}: how many samples in all")
        for position, whole in enumerate(batch):
            again = np.concatenate([part[position] for part in found])
            check.same(again, whole, f"{what}: array {position}, the parts put together again")
    for what, wrong in (
        ("arrays of 3 and 4 rows", (np.ones((3, 2)), np.ones(4))),
        ("arrays without rows", (np.ones((0, 2)), np.ones(0))),
    ):
        check.raises(lambda wrong=wrong: function(wrong, 2), error=ValueError, what=what)


@check.exercise
def accumulate_gradients(function: Function) -> None:
    batch = batch_of(7)
    loss, grad = by_hand(WEIGHTS, batch)
    for parts in (1, 2, 3, 7, 9):
        what = f"7 samples in {parts} part{'s' * (parts > 1)}"
        model = Plain()
        events: list[tuple[int, bool]] = []

        def noted(
            model: Any, part: tuple[Array, ...], events: Any = events
        ) -> Tensor:  # fmt: skip
            events.append((len(part[0]), model.weight.grad is not None))
            return loss_of(model, part)

        found = check.call(lambda m=model, f=noted, p=parts: function(m, f, batch, p), what=what)
        check.same(len(events), min(parts, 7), f"{what}: how often the loss is computed")
        check.same(sum(count for count, _ in events), 7, f"{what}: how many samples in all")
        late = [number for number, (_, known) in enumerate(events) if number and not known]
        text = "each part must go backward before the next goes forward, or memory is not saved"
        check.that(not late, text, late, what)
        check.same(found, loss, f"{what}: the loss")
        plain_number(found, f"{what}: the loss")
        text = "the weights have no gradient after it"
        check.that(model.weight.grad is not None, text, "None", what)
        check.same(model.weight.grad, grad, f"{what}: the gradient")
        check.that(model.unused.grad is None, "a parameter without part in it has a gradient",
                   "unused", what)  # fmt: skip
        check.same(model.weight.data, WEIGHTS, f"{what}: the weights, which no step has changed")
    model, what = Plain(), "a gradient of tens is there already"
    model.weight.grad = np.full(3, 10.0)
    function(model, loss_of, batch, 2)
    check.same(model.weight.grad, grad + 10, f"{what}: the sum")


# ---- 7.5 and 7.6 ----


class Noisy(Layer):
    """Two dropouts with one generator, a third with its own, and a tied parameter."""

    def __init__(self) -> None:
        rng, other = np.random.default_rng(5), np.random.default_rng(6)
        self.first = self.again = Plain()
        self.dropouts = [Dropout(0.5, rng=rng), Dropout(0.5, rng=rng), Dropout(0.5, rng=other)]


@check.exercise
def replicas(function: Function) -> None:
    model = Noisy()
    model.first.weight.grad = np.full(3, 9.0)
    expected = copy.deepcopy(model)
    what = "three copies"
    copies = check.call(lambda: function(model, 3), what=what)
    check.same(len(copies), 3, "how many copies")
    check.that(len({*map(id, copies)}) == 3, "two of the copies are one object", "one", what)
    for number, one in enumerate(copies):
        name = f"copy {number}"
        check.that(one is not model, "it is the model itself", "model", name)
        check.that(
            isinstance(one, Noisy), "it must be of the model's class", type(one).__name__, name
        )
        check.that(one.first is one.again, "two names of one layer name two layers", "tied", name)
        for own, theirs in zip(model.parameters(), one.parameters(), strict=True):
            check.that(theirs is not own, "it holds the model's tensors: a gradient would be shared",
                       "tensor", name)  # fmt: skip
            shares = np.shares_memory(own.data, theirs.data)
            check.that(shares, "its numbers are a copy: they must be the model's own array",
                       "memory", name)  # fmt: skip
            check.that(theirs.grad is None, "its gradients must be None at first", "grad", name)
    kept = np.array_equal(model.first.weight.grad, np.full(3, 9.0))
    check.that(kept, "the model's own gradient must stay", "gradient", what)
    random_numbers(function, model, expected, copies)


def random_numbers(function: Function, model: Any, expected: Any, copies: list[Any]) -> None:
    """A copy's seed is a number drawn from the model's generator, and the copy's own number."""
    what = "the random numbers of the copies"
    seeds = [int(expected.dropouts[k].rng.integers(2**63)) for k in (0, 2)]
    for own, right in (
        (model.dropouts[0], expected.dropouts[0]),
        (model.dropouts[2], expected.dropouts[2]),
    ):
        text = "each of the model's generators must move on by one number: call draw_seeds once"
        same = own.rng.bit_generator.state == right.rng.bit_generator.state
        check.that(same, text, "moved", what)
    drawn = []
    for number, one in enumerate(copies):
        shared = one.dropouts[0].rng is one.dropouts[1].rng
        check.that(shared, "two layers with one generator have two in a copy", "rng", what)
        for place, seed in ((0, seeds[0]), (2, seeds[1])):
            rng = one.dropouts[place].rng
            check.that(rng is not model.dropouts[place].rng, "a copy draws from the model's generator",
                       "same", what)  # fmt: skip
            drawn.append(rng.random(3))
            right = np.random.Generator(np.random.PCG64([seed, number])).random(3)
            text = f"copy {number} must draw by its seed and its number {number}"
            check.that(np.array_equal(drawn[-1], right), text, number, what)


@check.exercise
def data_parallel(kind: Any) -> None:
    batch = batch_of(7)
    loss, grad = by_hand(WEIGHTS, batch)
    for workers in (1, 2, 3, 9):
        what = f"7 samples, {workers} thread{'s' * (workers > 1)}"
        model = Plain()
        seen: list[tuple[bool, int]] = []

        def noted(
            model: Layer, part: tuple[Array, ...], seen: Any = seen, own: Any = model
        ) -> Tensor:  # fmt: skip
            seen.append((model is own, len(part[0])))
            return loss_of(model, part)

        found = check.call(lambda m=model, f=noted, w=workers: kind(w)(m, f, batch), what=what)
        check.same(len(seen), min(workers, 7), f"{what}: how often the loss is computed")
        text = "a thread works on the model itself: it must use its own copy"
        check.that(not any(one for one, _ in seen), text, text, what)
        check.same(sum(count for _, count in seen), 7, f"{what}: how many samples in all")
        check.same(found, loss, f"{what}: the loss")
        plain_number(found, f"{what}: the loss")
        text = "the weights have no gradient after it"
        check.that(model.weight.grad is not None, text, "None", what)
        check.same(model.weight.grad, grad, f"{what}: the gradient")
        text = "a parameter without part in it has a gradient"
        check.that(model.unused.grad is None, text, "unused", what)
        check.same(model.weight.data, WEIGHTS, f"{what}: the weights, which no step has changed")
    model, what = Plain(), "a gradient of tens is there already"
    model.weight.grad, model.unused.grad = np.full(3, 10.0), np.full(2, 4.0, np.float32)
    kind(2)(model, loss_of, batch)
    check.same(model.weight.grad, grad + 10, f"{what}: the sum")
    check.same(model.unused.grad, np.full(2, 4.0), "an unused parameter's own gradient")
    gathered(kind)


def gathered(kind: Any) -> None:
    model, copies = Plain(), [Plain(), Plain(), Plain()]
    copies[0].weight.grad, copies[2].weight.grad = np.array([1.0, 2, 3]), np.array([10.0, 20, 30])
    check.call(lambda: kind(3).gather(model, copies), what="gather")
    what = "gather: gradients of copies 0 and 2, copy 1 has none"
    check.same(model.weight.grad, np.array([11.0, 22, 33]), what)
    check.that(model.unused.grad is None, "where no copy has a gradient, it must stay None", "none",
               what)  # fmt: skip


# ---- 7.7 and 7.8 ----


@contextlib.contextmanager
def a_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@check.exercise
def replacing(function: Function) -> None:
    for before in ("the old one", None):
        what = "a file that is there" if before else "a file that is new"
        with a_folder() as folder:
            path = folder / "model.safetensors"
            if before:
                path.write_text(before)
            ends_well(function, path, before, what)
    ends_badly(function)


def ends_well(function: Function, path: Path, before: str | None, what: str) -> None:
    order: list[str] = []
    sync, replace = os.fsync, os.replace

    def noted(name: str, real: Function) -> Function:
        def call(*given: Any) -> Any:
            order.append(name)
            return real(*given)

        return call

    with (
        mock.patch("os.fsync", noted("fsync", sync)),
        mock.patch("os.replace", noted("replace", replace)),
        function(str(path)) as new,
    ):
        check.that(isinstance(new, Path), f"it must give a Path; it is {shown(new)}",
                   type(new).__name__, what)  # fmt: skip
        check.that(new.parent == path.parent, "the new file must be in the same folder",
                   "folder", what)  # fmt: skip
        check.that(new != path, "it gives the file itself: write into another one first",
                   "itself", what)  # fmt: skip
        new.write_text("the new one")
        now = path.read_text() if path.exists() else None
        check.that(now == before, "the old file is touched before the block has ended", now, what)
    now = path.read_text() if path.exists() else None
    check.that(now == "the new one", f"after the block the file holds {now!r}", now, what)
    others = [each.name for each in path.parent.iterdir() if each != path]
    check.that(not others, "another file is left beside it", "left", what)
    text = "os.fsync must come before the file is renamed: the disk may not have it yet"
    check.that(
        "fsync" in order, "os.fsync is never called: the disk may not have it yet", "none", what
    )
    check.that(order[0] == "fsync", text, order, what)


def ends_badly(function: Function) -> None:
    for what, error in (
        ("an error in the block", ZeroDivisionError("on purpose")),
        ("Ctrl-C in the block, a KeyboardInterrupt", KeyboardInterrupt()),
    ):
        with a_folder() as folder:
            path = folder / "model.safetensors"
            path.write_text("the old one")
            with contextlib.suppress(type(error)):
                with function(path) as new:
                    new.write_text("half a f")
                    raise error
                check.that(False, "the error must go on to the caller", "no error", what)
            as_it_was(path, what)
    with a_folder() as folder:
        path, what = folder / "model.safetensors", "an error before anything is written"
        path.write_text("the old one")
        with contextlib.suppress(ZeroDivisionError):
            try:
                with function(path):
                    raise ZeroDivisionError
            except OSError as error:
                check.fail(what, f"the caller gets {type(error).__name__} in its place", "another")
        as_it_was(path, what)
    with a_folder() as folder:
        path, what = folder / "model.safetensors", "a rename that fails"
        path.write_text("the old one")
        suppressed, failing = contextlib.suppress(PermissionError), mock.patch("os.replace", refuse)
        with suppressed, failing, function(path) as new:
            new.write_text("whole")
        stays = path.exists() and path.read_text() == "the old one"
        check.that(stays, "the old file must stay as it was", "changed", what)


def as_it_was(path: Path, what: str) -> None:
    check.that(path.exists(), "the old file is gone", "gone", what)
    now = path.read_text()
    check.that(now == "the old one", f"the file holds {now!r}, not what it held", now, what)
    left = len([*path.parent.iterdir()]) > 1
    check.that(not left, "the new file is left beside it: remove it", "left", what)


def refuse(*given: Any) -> None:
    raise PermissionError("on purpose")


def checkpoints(save: Function, folder: Path) -> dict[str, Path]:
    """A good file and what can become of one."""
    good = folder / "good.safetensors"
    tensors = {"a": np.arange(600.0).reshape(2, 300), "b": np.array([True, False])}
    save(good, tensors, {"step": 3, "name": "moons", "lr": 1e-5})
    content = good.read_bytes()
    files = {"good": good}
    middle = len(content) - 700
    for name, changed in (
        ("cut off at half", content[: len(content) // 2]),
        ("cut off by one byte", content[:-1]),
        ("empty", b""),
        ("a text", b"step: 3\n" * 20),
        (
            "one bit of a number changed",
            content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        ),
        ("one letter of the notes changed", content.replace(b"moons", b"noons")),
        ("one sign of the notes changed", content.replace(b": 3,", b": },")),
        ("a number of the notes written in another way", content.replace(b"1e-05", b"1E-05")),
    ):
        files[name] = folder / f"{name.replace(' ', '-')}.safetensors"
        files[name].write_bytes(changed)
    from safetensors.numpy import save_file

    for name, metadata in (("of another program", None), ("with other metadata", {"format": "pt"})):
        files[name] = folder / f"{name.replace(' ', '-')}.safetensors"
        save_file(tensors, files[name], metadata)
    return files


@check.exercise
def load_checkpoint(load: Function, save: Function) -> None:
    with a_folder() as folder:
        path, what = folder / "kept.safetensors", "what was saved"
        tensors = {
            "wide": np.array([0.1, -0.0, np.inf]), "narrow": np.array([[1.5], [2.5]], "f4"),
            "number": np.array(7), "none": np.zeros((0, 3)), "flags": np.array([True, False]),
        }  # fmt: skip
        notes = {"step": 12, "name": "Größe", "list": [1, None, {"x": 0.1}]}
        save(path, tensors, notes)
        found = check.call(lambda: load(path), what=what)
        text = f"it must be two: the arrays and the notes; it is {shown(found)}"
        check.that(isinstance(found, tuple) and len(found) == 2, text, type(found).__name__, what)
        arrays, kept = found
        check.that(isinstance(arrays, dict), f"the arrays must come first, in a dict; it is {shown(arrays)}",
                   type(arrays).__name__, what)  # fmt: skip
        check.same(sorted(arrays), sorted(tensors), "the names of the arrays")
        for name, array in tensors.items():
            same = arrays[name].dtype == array.dtype and arrays[name].tobytes() == array.tobytes()
            check.that(same, f"array {name} has come back changed", name, what)
        text = f"the notes must be as they were, {notes}; they are {shown(kept)}"
        check.that(kept == notes, text, type(kept).__name__, what)
        for name, file in checkpoints(save, folder).items():
            if name != "good":
                check.raises(
                    lambda file=file: load(file),
                    error=ValueError,
                    says=[file.name],
                    what=f"a file {name}",
                )
        missing = folder / "missing.safetensors"
        check.raises(lambda: load(missing), error=FileNotFoundError, what="a file that is missing")


# ---- the Trainer ----


class Counted:
    """Batches that count how many were taken, and how many passes were begun."""

    def __init__(self, *batches: tuple[Array, ...]) -> None:
        self.batches, self.taken, self.passes = batches, 0, 0

    def __iter__(self) -> Iterator[tuple[Array, ...]]:
        self.passes += 1
        for batch in self.batches:
            self.taken += 1
            yield batch


def trainer_of(kind: Any, batches: Any, model: Any = None, lr: float = 0.1, **options: Any) -> Any:
    model = Plain() if model is None else model
    return kind(model, SGD(model.parameters(), lr), loss_of, batches, **options)


@check.exercise
def next_batch(kind: Any) -> None:
    three = [batch_of(4, seed) for seed in range(3)]
    for what, batches in (("a list of 3", three), ("an iterable of 3", Counted(*three))):
        trainer = trainer_of(kind, batches)
        for number in range(7):
            found = check.call(trainer.next_batch, what=what)
            right = three[number % 3]
            text = f"call {number + 1} must give batch {number % 3}, counted from 0"
            came = [k for k, one in enumerate(three) if found is one]
            check.that(
                found is right, f"{text}; it gives {came[0] if came else shown(found)}", came, what
            )
            check.same(trainer.taken, number + 1, f"{what}: `taken` after call {number + 1}")
            if isinstance(batches, Counted):
                text = f"after {number + 1} calls {batches.taken} batches were taken: one too early"
                check.that(batches.taken == number + 1, text, batches.taken, what)
    trainer = trainer_of(kind, (batch for batch in three))
    for _ in range(3):
        check.call(trainer.next_batch, what="a generator of 3")
    what = "a generator that has ended"
    check.raises(trainer.next_batch, error=ValueError, says=["batches"], what=what)
    check.same(trainer.taken, 3, f"{what}: `taken`")
    what = "an empty list"
    check.raises(trainer_of(kind, []).next_batch, error=ValueError, says=["batches"], what=what)


@check.exercise
def train_step(kind: Any) -> None:
    batch = batch_of(7)
    for max_norm in (None, 0.5, 1e3):
        what = "without a limit" if max_norm is None else f"max_norm={max_norm:g}"
        trainer = trainer_of(kind, [batch], max_norm=max_norm)
        trainer.model.weight.grad = np.full(3, 9.0)  # left over
        weight = WEIGHTS.copy()
        for number in (1, 2):
            record = check.call(lambda t=trainer: t.train_step(batch), what=what)
            loss, grad = by_hand(weight, batch)
            norm = float(np.linalg.norm(grad))
            scale = 1 if max_norm is None else min(1, max_norm / (norm + 1e-6))
            weight = weight - 0.1 * scale * grad
            one = f"{what}, step {number}"
            check.same(trainer.model.weight.data, weight, f"{one}: the weights after it")
            check.that(record is not None, "no record came: is a return missing?", "None", one)
            check.same(record.step, number, f"{one}: the record's step")
            check.same(trainer.step, number, f"{one}: the trainer's step")
            check.same(record.loss, loss, f"{one}: the record's loss")
            check.same(record.grad_norm, norm, f"{one}: the record's norm, before clipping")
            check.same(record.lr, 0.1, f"{one}: the record's learning rate")
    last_layer_alone(kind, batch)
    scheduled(kind, batch)
    passed_on(kind, batch)
    not_finite(kind, batch)


def last_layer_alone(kind: Any, batch: Any) -> None:
    """What the optimizer does not have is not clipped with the rest."""
    trainer, what = trainer_of(kind, [batch]), "an optimizer that has not all parameters"
    trainer.model.unused.grad = np.full(2, 1e6, np.float32)
    trainer.optimizer = SGD([trainer.model.weight], 0.1)
    record = check.call(lambda: trainer.train_step(batch), what=what)
    norm = float(np.linalg.norm(by_hand(WEIGHTS, batch)[1]))
    check.same(record.grad_norm, norm, f"{what}: the record's norm is of those that it has")


def scheduled(kind: Any, batch: Any) -> None:
    asked: list[int] = []

    def schedule(step: int) -> float:
        asked.append(step)
        return 0.5 / (step + 1)

    trainer = trainer_of(kind, [batch], schedule=schedule)
    trainer.step = 4  # as after a resume
    first = check.call(lambda: trainer.train_step(batch), what="a schedule, after 4 steps")
    second = trainer.train_step(batch)
    check.same(asked, [4, 5], "a schedule, after 4 steps: what it is asked for")
    check.same(first.lr, 0.1, "a schedule, after 4 steps: the record's learning rate")
    _, grad = by_hand(WEIGHTS, batch)
    loss = by_hand(WEIGHTS - 0.1 * grad, batch)[0]
    check.same(second.loss, loss, "a schedule: the loss after a step at its rate")


def passed_on(kind: Any, batch: Any) -> None:
    """The gradients function that was passed in is the one that is used."""
    seen: list[Any] = []

    def gradients(model: Any, loss_function: Any, given: Any) -> float:
        seen.append((model, loss_function, given))
        model.weight.grad = np.array([3.0, 0.0, 4.0])
        return 0.25

    trainer = trainer_of(kind, [batch], gradients=gradients)
    what = "another gradients function"
    record = check.call(lambda: trainer.train_step(batch), what=what)
    check.same(len(seen), 1, f"{what}: how often it is called")
    right = seen[0][0] is trainer.model and seen[0][1] is loss_of and seen[0][2] is batch
    check.that(right, "it must get model, loss function and batch", "arguments", what)
    check.same([record.loss, record.grad_norm], [0.25, 5.0], f"{what}: loss and norm")


def not_finite(kind: Any, batch: Any) -> None:
    for what, loss, slope in (
        ("a loss that is NaN", math.nan, 1.0),
        ("an infinite loss", math.inf, 1.0),
        ("a loss of 1, an infinite gradient", 1.0, math.inf),
        ("a loss of 1, a gradient of NaN", 1.0, math.nan),
    ):

        def gradients(
            model: Any, loss_function: Any, given: Any, loss: float = loss, slope: float = slope
        ) -> float:
            model.weight.grad = np.array([1.0, 1.0, slope])
            return loss

        trainer = trainer_of(kind, [batch], gradients=gradients)
        trainer.step = 6
        with np.errstate(all="ignore"):
            check.raises(
                lambda t=trainer: t.train_step(batch), error=ValueError, says=["step 7"], what=what
            )
        check.same(trainer.model.weight.data, WEIGHTS, f"{what}: the weights, which must stay")
        check.same(trainer.step, 6, f"{what}: the trainer's step")


@check.exercise
def train(kind: Any) -> None:
    batches = Counted(*(batch_of(4, seed) for seed in range(3)))
    trainer = trainer_of(kind, batches)
    asked: list[tuple[int, Array]] = []

    def evaluation() -> Any:
        asked.append((trainer.step, trainer.model.weight.data.copy()))
        return np.float32(0.5 * len(asked))

    what = "7 steps, every=3"
    check.call(lambda: trainer.train(7, every=3, evaluation=evaluation), what=what)
    check.same(trainer.step, 7, f"{what}: the trainer's step")
    check.same([record.step for record in trainer.history], [*range(1, 8)], f"{what}: the history")
    check.same([step for step, _ in asked], [3, 6], f"{what}: after which steps it is evaluated")
    values = [record.val_loss for record in trainer.history]
    check.same(values, [None, None, 0.5, None, None, 1.0, None], f"{what}: the evaluations kept")
    plain_number(values[2], f"{what}: an evaluation")
    check.same(batches.taken, 7, f"{what}: how many batches were taken")
    weight = WEIGHTS.copy()
    for number in range(3):
        weight = weight - 0.1 * by_hand(weight, batches.batches[number])[1]
    check.same(asked[0][1], weight, f"{what}: the weights when it is evaluated")
    check.call(lambda: trainer.train(9, every=3), what="on to 9 steps")
    check.same(len(trainer.history), 9, "on to 9 steps: how many records")
    check.same(trainer.history[8].val_loss, None, "without an evaluation: what is kept of it")
    saved(kind)


def saved(kind: Any) -> None:
    """What stands in the file is what was true after the step that it is of."""
    with a_folder() as folder:
        path, what = folder / "run.safetensors", "a checkpoint every 2 of 5 steps"
        files: list[int] = []
        trainer = trainer_of(kind, [batch_of(4)])
        trainer.save = lambda given: files.append(len(trainer.history))
        check.call(lambda: trainer.train(5, every=2, checkpoint=path), what=what)
        check.same(files, [2, 4, 5], f"{what}: how many records it holds each time")


# ---- 7.12 ----


class Moons(Layer):
    """A model with dropout, so that its random numbers count."""

    def __init__(self) -> None:
        rng = np.random.default_rng(3)
        self.dropout, self.plain = Dropout(0.4, rng=rng), Plain()

    def forward(self, x: Any) -> Tensor:
        return self.plain(self.dropout(x))


def new_run(kind: Any, batches: Any = None) -> Any:
    model = Sequential(Moons())
    batches = [batch_of(5, seed) for seed in range(3)] if batches is None else batches
    return kind(model, AdamW(model.parameters(), lr=0.05), loss_of, batches)


def standing(trainer: Any) -> dict[str, Any]:
    """All that a run consists of."""
    states = {f"model.{n}": x for n, x in trainer.model.state_dict().items()}
    states |= {f"optimizer.{n}": x for n, x in trainer.optimizer.state_dict().items()}
    losses = np.array([record.loss for record in trainer.history])
    rng = json.dumps(trainer.model[0].dropout.rng.bit_generator.state, default=str)
    rest = {"step": trainer.step, "taken": trainer.taken, "lr": trainer.optimizer.lr, "rng": rng}
    return {**states, "losses": losses, **rest}


@check.exercise
def resume(kind: Any) -> None:
    with a_folder() as folder:
        path = folder / "run.safetensors"
        through, half, again = new_run(kind), new_run(kind), new_run(kind)
        for trainer in (through, half):
            trainer.optimizer.lr = 0.037  # changed by hand, with no schedule
            trainer.train(4)
        before = standing(half)
        check.call(lambda: half.save(path), what="save")
        unlike("save, which must change nothing", standing(half), before)
        check.call(lambda: again.resume(path), what="resume")
        kinds = {type(record) for record in again.history}
        check.that(kinds <= {type(through.history[0])}, "the history must hold records again",
                   "kinds", "resume")  # fmt: skip
        unlike("right after resume", standing(again), before)
        for trainer in (through, again):
            trainer.train(9)
        unlike("5 steps after resume", standing(again), standing(through))
        refused(kind, path)
        other_numbers(kind, path)
        under_two_names(kind, path)


def under_two_names(kind: Any, path: Path) -> None:
    """A parameter that the model has twice; and a run that has done something before."""
    what = "a layer that stands in the model twice"
    runs = []
    for _ in range(2):
        plain = Plain()
        model = Sequential(plain, lambda y: y.reshape(-1, 1) * np.ones(3), plain)
        runs.append(kind(model, SGD(model.parameters(), 0.01), loss_of, [batch_of(5)]))
    first, second = runs
    first.train(3)
    second.train(2)
    check.call(lambda: first.save(path), what=f"save, {what}")
    check.call(lambda: second.resume(path), what=f"resume, {what}")
    text = "after resume the history is the saved one; it has {} records, expected 3"
    came = len(second.history)
    check.that(came == 3, text.format(came), came, "a run that had done 2 steps itself")


def other_numbers(kind: Any, path: Path) -> None:
    """Batches taken are not the steps done, nor is the rate that of the last record."""
    for steps in (0, 2):
        half, again = new_run(kind), new_run(kind)
        half.train(steps)
        half.next_batch()  # no step came of it, as after a loss of NaN
        half.optimizer.lr = 0.021
        what = f"with `step` {steps}, `taken` {half.taken} and a rate changed since"
        check.call(lambda half=half: half.save(path), what=f"save {what}")
        check.call(lambda again=again: again.resume(path), what=f"resume {what}")
        check.same(again.taken, half.taken, f"resume {what}: `taken`")
        text = "the next batch is not the one that the saved run would take"
        given = again.next_batch()[0]
        check.that(np.array_equal(given, half.next_batch()[0]), text, what=f"resume {what}: batch")
        check.same(again.optimizer.lr, half.optimizer.lr, f"resume {what}: `optimizer.lr`")


def unlike(what: str, got: dict[str, Any], right: dict[str, Any]) -> None:
    names = [n for n in right if n not in got or not np.array_equal(got[n], right[n])]
    names += [name for name in got if name not in right]
    text = f"not the same bits as in the run that was not interrupted: {', '.join(names)}"
    check.that(not names, text, names, what)


def refused(kind: Any, path: Path) -> None:
    """Where batches run out, nothing of the model is changed."""
    short = new_run(kind, (batch_of(5, seed) for seed in range(2)))
    before = standing(short)
    what = "resume, with batches that end before"
    check.raises(lambda: short.resume(path), error=ValueError, says=[path.name], what=what)
    after = standing(short)
    after["taken"] = before["taken"]
    unlike(f"{what}: it must be as before", after, before)
