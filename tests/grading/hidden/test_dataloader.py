"""Hidden checks of module 08: inputs are drawn anew for each batch of submissions."""

import itertools

import numpy as np
import pytest

from tests.grading.test_dataloader import batches, expect_parts, is_error, told


def picked(array, places):
    """Row by row, by a list: as Python's own indexing finds them."""
    rows = [*array]
    return np.array([rows[i] for i in places], array.dtype).reshape(-1, *array.shape[1:])


@pytest.mark.exercise("8.1")
class TestAsIndex:
    @pytest.mark.points(0.5)
    def test_drawn_indices(self, submission, rng):
        length = int(rng.integers(130, 200))
        table = rng.integers(-length, length, size=(3, 5))
        small = rng.integers(-100, 100, size=7).astype(np.int8)
        given = {"table": table, "small": small, "n": length, "one": int(table[0, 0])}
        steps = ["as_index(table, n)", "as_index(small, n)", "[as_index(one, n)]", "table", "small"]
        steps += ["as_index(table[:0], n)", "as_index([one], n)", "'x' * as_index(one, n)"]
        found = submission.run(told, steps=steps, own=["as_index"], **given)
        right, right_small = (picked(np.arange(length), x.ravel()) for x in (table, small))
        submission.expect(found[0][0], right.reshape(3, 5))
        submission.expect(found[1][0], right_small)
        assert len(found[2]) == 2 and np.ndim(found[2][1]) == 0, "an int must stay an int"
        submission.expect(found[3][0], table)
        submission.expect(found[4][0], small)
        assert np.shape(found[5][0]) == (0, 5) and found[5][1][0] in "iu"
        submission.expect(found[6][0], [int(right[0])])
        assert found[7] == "x" * int(right[0])

    @pytest.mark.points(0.5)
    def test_drawn_errors(self, submission, rng):
        length = int(rng.integers(5, 20))
        beyond = [int(length + rng.integers(0, 9)), int(-length - 1 - rng.integers(0, 9))]
        steps = [f"as_index({one}, {length})" for one in beyond]
        steps += [f"as_index([0, {one}, -1], {length})" for one in beyond]
        steps += [f"as_index({one}, 0)" for one in (0, -1)]
        kinds = ["None", "'0'", "2.0", "[0.0]", "np.array([True])", "slice(1)", "np.float32(1)"]
        steps += [f"as_index({kind}, {length})" for kind in kinds]
        steps += [f"as_index({length - 1}, {length})", f"as_index({-length}, {length})"]
        found = submission.run(told, steps=steps, own=["as_index"])
        for got, one in zip(found[:6], [*beyond, *beyond, 0, -1], strict=True):
            assert is_error(got, "IndexError", one), f"index {one} of {length}: {got}"
        for got, kind in zip(found[6:-2], kinds, strict=True):
            assert is_error(got, "TypeError"), f"index {kind}: {got}"
        last, first = (got[0] if isinstance(got, list) else got for got in found[-2:])
        assert [int(last), int(first)] == [length - 1, 0]


@pytest.mark.exercise("8.2")
class TestArrayDataset:
    @pytest.mark.points(1)
    def test_drawn_rows(self, submission, rng):
        n = int(rng.integers(7, 20))
        x, y = rng.normal(size=(n, 2, 3)).astype(np.float32), rng.integers(0, 99, size=n)
        places = [int(i) for i in rng.integers(-n, n, size=5)]
        many, start = np.array(places), int(rng.integers(0, n - 4))
        given = {"x": x, "y": y, "many": many, "run": np.arange(start, start + 4), "n": n}
        steps = ["(d := ArrayDataset(x, y, y * 0.5)) and len(d)", "d.batch(many)", "d[many]"]
        steps += [f"d[{one}]" for one in places] + ["d.batch(run)", "d.batch(many[:0])"]
        steps += ["[np.shares_memory(p, x) or np.shares_memory(p, y) for p in d.batch(run)]"]
        steps += ["(ArrayDataset(y), y.fill(-3))[0][1]", "ArrayDataset(x.tolist())[0][0].shape"]
        found = submission.run(told, steps=steps, own=["ArrayDataset"], **given)
        length, by_batch, by_index, *singles = found[: 3 + len(places)]
        in_a_row, none, shares, follows, shape = found[3 + len(places) :]
        arrays = (x, y, y * 0.5)
        assert length == n, f"the length of {n} rows is {length}"
        for got in (by_batch, by_index):
            expect_parts("a batch", got, *(picked(array, places) for array in arrays))
        for got, place in zip(singles, places, strict=True):
            expect_parts("a sample", got, *([*array][place] for array in arrays))
        run = range(start, start + 4)
        expect_parts("a batch of neighbours", in_a_row, *(picked(array, run) for array in arrays))
        expect_parts("a batch of none", none, *(array[:0] for array in arrays))
        assert shares == ["list", False, False, False], "a batch shares memory with the data"
        expect_parts("a sample of a changed array", follows, np.int64(-3))
        assert shape == ["tuple", 2, 3]

    @pytest.mark.points(0.5)
    def test_what_is_refused(self, submission, rng):
        m, n = (int(i) for i in rng.choice([11, 13, 17, 19], size=2, replace=False))
        given = {"x": np.zeros((m, 2)), "y": np.zeros(n)}
        makes = ["x, y", "y, y, x", "y, y[:1]", "", "1.5", "y, 1"]
        steps = [f"ArrayDataset({one})" for one in makes]
        steps += ["[ArrayDataset(y)[i] for i in (len(y),)]", "ArrayDataset(y)[-len(y) - 1]"]
        steps += ["ArrayDataset(y)[1.0]"]
        steps += ["len(ArrayDataset(x))", "len(ArrayDataset(y, y))"]
        *found, high, low, kind, first, second = submission.run(
            told, steps=steps, own=["ArrayDataset"], **given
        )
        says = [(m, n), (n, m), (n, 1), (), (), ()]
        for got, make, numbers in zip(found, makes, says, strict=True):
            assert is_error(got, "ValueError", *numbers), f"ArrayDataset({make}): {got}"
        assert is_error(high, "IndexError") and is_error(low, "IndexError")
        assert is_error(kind, "TypeError"), f"sample 1.0: {kind}"
        assert [first, second] == [m, n]


def some_text(rng):
    length, seq_len = int(rng.integers(17, 40)), int(rng.integers(2, 7))
    return rng.permutation(1000)[:length].astype(rng.choice(["int64", "uint16"])), seq_len


def window(tokens, seq_len, start):
    """Token by token."""
    ids = [*tokens]
    first = [ids[start + j] for j in range(seq_len)]
    return np.array(first), np.array([*first[1:], ids[start + seq_len]])


@pytest.mark.exercise("8.3")
class TestTextWindows:
    @pytest.mark.points(1)
    def test_every_window(self, submission, rng):
        tokens, seq_len = some_text(rng)
        count = len(tokens) - seq_len
        given = {"t": tokens, "n": seq_len, "own": ["TextWindows.__len__"]}
        steps = ["len(d := TextWindows(t, n))", "len(TextWindows(t[: n + 1], n))"]
        steps += ["len(TextWindows(t, 1))", "d[len(d)]"]
        steps += [f"d[{start}]" for start in (*range(count), -1)]
        length, shortest, pairs, beyond, *found = submission.run(told, steps=steps, **given)
        assert [length, shortest, pairs] == [count, 1, len(tokens) - 1]
        assert is_error(beyond, "IndexError")
        for got, start in zip(found, [*range(count), count - 1], strict=True):
            expect_parts(f"window {start}", got, *window(tokens, seq_len, start))


@pytest.mark.exercise("8.4")
class TestWindowsBatch:
    @pytest.mark.points(1)
    def test_drawn_starts(self, submission, rng):
        tokens, seq_len = some_text(rng)
        count = len(tokens) - seq_len
        cases = [rng.integers(0, count, size=size) for size in (1, 5, 11)]
        cases += [np.array([count - 1, 0, -1, count - 1]), np.arange(count)]
        given = {"t": tokens, "n": seq_len, "cases": cases, "own": []}
        steps = [f"TextWindows(t, n).batch(cases[{i}])" for i in range(len(cases))]
        steps += ["TextWindows(t, n).batch(cases[0][:0])"]
        shared = "[np.shares_memory(*b), np.shares_memory(b[0], t)]"
        steps += [f"(b := TextWindows(t, n).batch(cases[{i}])) and {shared}" for i in (0, 1)]
        *found, none, one, five = submission.run(told, steps=steps, **given)
        for got, starts in zip(found, cases, strict=True):
            pairs = [window(tokens, seq_len, start % count) for start in starts.tolist()]
            expect_parts("a batch", got, *map(np.array, zip(*pairs, strict=True)))
        expect_parts("a batch of none", none, *[np.zeros((0, seq_len), tokens.dtype)] * 2)
        assert one == five == ["list", False, False], "input, target and text share memory"


@pytest.mark.exercise("8.5")
class TestSplitByPosition:
    @pytest.mark.points(1)
    def test_drawn_shares(self, submission, rng):
        text = rng.permutation(int(rng.integers(900, 1100)))
        shares = [(0.9, 0.1), (1.0,), (0.1,) * 10, (0.05,) * 20]
        shares += [tuple(float(f) for f in rng.dirichlet([2.0] * n)) for n in (2, 3, 5)]
        given = {"t": text, "shares": shares, "table": rng.normal(size=(10, 2))}
        steps = [f"split_by_position(t, shares[{i}])" for i in range(len(shares))]
        steps += ["split_by_position(t)", "split_by_position(table, (0.4, 0.6))"]
        *found, default, table = submission.run(told, steps=steps, own=[], **given)
        for got, fractions in zip([*found, default], [*shares, shares[0]], strict=True):
            assert got[0] == "tuple" and len(got) == len(fractions) + 1, f"{fractions}: {got}"
            parts = [part[0] for part in got[1:]]
            submission.expect(np.concatenate(parts), text)
            ends = itertools.accumulate(len(part) for part in parts)
            for end, total in zip(ends, itertools.accumulate(fractions), strict=True):
                assert abs(end - total * len(text)) < 0.999, f"a part ends at {end}: {fractions}"
        expect_parts("a table", table, given["table"][:4], given["table"][4:])

    @pytest.mark.points(0.5)
    def test_drawn_wrong_shares(self, submission, rng):
        share, more = (float(x) for x in rng.uniform([0.2, 0.05], [0.7, 0.2]))
        wrong = [(share, 1 - share + more), (share, 1 - share - more), (1 + more, -more)]
        wrong += [(1.0, 0.0), (share,), (float("nan"), 1.0), (float("nan"),), ()]
        given = {"t": np.arange(100), "wrong": [*wrong, (share, 1 - share)]}
        steps = [f"split_by_position(t, tuple(wrong[{i}]))" for i in range(len(wrong) + 1)]
        *found, right = submission.run(told, steps=steps, own=[], **given)
        for got, fractions in zip(found, wrong, strict=True):
            assert is_error(got, "ValueError", "fractions"), f"fractions {fractions}: {got}"
        assert abs(len(right[1][0]) - 100 * share) < 0.999


@pytest.mark.exercise("8.6")
class TestCollate:
    @pytest.mark.points(1)
    def test_drawn_samples(self, submission, rng):
        n = int(rng.integers(3, 9))
        x, y = rng.normal(size=(n, 2, 3)), rng.integers(0, 99, size=n)
        given = {"x": x, "z": x.astype(np.float32), "y": y.tolist()}
        steps = ["collate([*zip(x, y, z[:, 0])])", "collate([*x])", "collate([*zip(z)])"]
        steps += ["collate(y)", "collate([(x[0], y[0])])", "x", "collate([(x[:0], 1)] * 3)"]
        steps += ["[np.shares_memory(collate([(one, 3)])[0], x) for one in x]"]
        steps += ["(kept := collate([*x]), collate([*(x + 1)]))[0]"]
        steps += ["collate([(Tensor(one), i) for i, one in zip(y, z)])", "collate(x.tolist())"]
        found = submission.run(told, steps=steps, own=["collate"], **given)
        z = given["z"]
        rights = [(x, y, z[:, 0]), (x,), (z,), (y,), (x[:1], y[:1])]
        for got, right, step in zip(found[:5], rights, steps[:5], strict=True):
            expect_parts(step, got, *right)
        submission.expect(found[5][0], x)
        expect_parts(steps[6], found[6], np.zeros((3, 0, 2, 3)), [1, 1, 1])
        assert found[7] == ["list", *[False] * n], "a batch shares memory with a sample"
        expect_parts("a batch after another was made", found[8], x)
        expect_parts("samples of tensors", found[9], z, y)
        expect_parts("samples that are lists", found[10], x)

    @pytest.mark.points(0.5)
    def test_drawn_misfits(self, submission, rng):
        m, n = (int(i) for i in rng.choice([5, 7, 11, 13], size=2, replace=False))
        given = {"a": np.zeros(m), "b": np.zeros(n), "c": np.zeros((1, m))}
        wrong = {
            "[]": (),
            "[(1, 2), (1, 2, 3)]": (2, 3),
            "[(1, 2, 3), (1, 2), (1, 2, 3)]": (3, 2),
            "[a, b]": ((m,), (n,)),
            "[(1, a), (1, a), (1, b)]": ((m,), (n,)),
            "[(a,), (c,)]": ((m,), (1, m)),
            "[a, (a, 1)]": (1, 2),
        }
        steps = [f"collate({samples})" for samples in wrong] + ["collate([(1, a), (2, a)])"]
        *found, right = submission.run(told, steps=steps, own=["collate"], **given)
        for got, (samples, says) in zip(found, wrong.items(), strict=True):
            assert is_error(got, "ValueError", *says), f"collate({samples}): {got}"
        expect_parts("what fits", right, [1, 2], np.zeros((2, m)))


@pytest.mark.exercise("8.7")
class TestEpochOrder:
    @pytest.mark.points(0.5)
    def test_drawn_orders(self, submission, rng):
        n, seed = (int(i) for i in rng.integers([60, 1], [200, 1000]))
        make = "np.random.default_rng(seed)"
        steps = [f"epoch_order(n, {make})"] * 2 + ["epoch_order(n)", f"epoch_order(1, {make})"]
        steps += [f"epoch_order(0, {make})", "epoch_order(0)"]
        steps += [f"(g := {make}) and [epoch_order(n, g) for _ in range(3)]"]
        places = "int(np.dot(epoch_order(3, g), [9, 3, 1]))"
        steps += [f"(g := {make}) and [{places} for _ in range(18_000)]"]
        found = submission.run(told, steps=steps, own=["epoch_order"], n=n, seed=seed)
        once, again, plain, one, none, no_rng = (np.asarray(got[0]).tolist() for got in found[:6])
        three, small = [part[0].tolist() for part in found[6][1:]], found[7]
        assert once == again == three[0], "the same seed gives another order"
        assert [plain, one, none, no_rng] == [[*range(n)], [0], [], []]
        for order in three:
            assert sorted(order) == [*range(n)], "not each index once"
            steps_of_one = np.count_nonzero(np.abs(np.diff(order)) == 1)
            assert steps_of_one < n / 5, f"{steps_of_one} of {n} stay beside their neighbour"
        assert three[0] != three[1] != three[2], "the same order comes again"
        orders = [9 * i + 3 * j + k for i, j, k in itertools.permutations(range(3))]
        counts = [small.count(order) for order in orders]
        told_so = f"of 18000 draws the 6 orders of 3 come {counts} times"
        assert all(abs(count - 3000) < 270 for count in counts), told_so


@pytest.mark.exercise("8.8")
class TestLoaderLen:
    @pytest.mark.points(0.5)
    def test_drawn_lengths(self, submission, rng):
        size = int(rng.integers(3, 9))
        lengths = [0, 1, size - 1, size, size + 1, *(int(i) for i in rng.integers(20, 90, size=4))]
        lengths += [size * int(rng.integers(3, 9))]
        cases = [(n, drop) for n in lengths for drop in (False, True)]
        steps = [f"[len(DataLoader([0] * {n}, {size}, drop_last={drop}))]" for n, drop in cases]
        found = submission.run(told, steps=steps, own=["DataLoader.__len__"])
        for got, (n, drop) in zip(found, cases, strict=True):
            starts = range(0, n, size)
            right = sum(1 for start in starts if not drop or start + size <= n)
            assert got == ["list", right], f"{n} samples by {size}, drop_last={drop}: {got}"


@pytest.mark.exercise("8.9")
class TestLoaderIter:
    @pytest.mark.points(1)
    def test_drawn_epochs(self, submission, rng):
        n, size, seed = (int(i) for i in rng.integers([40, 3, 1], [70, 9, 1000]))
        n += n % size == 0
        steps = []
        for drop, kind in itertools.product((False, True), ("Counted", "Fast")):
            make = f"DataLoader({kind}({n}), {size}, drop_last={drop}"
            steps += [f"[*{make})]"]
            steps += [f"[[*epoch] for epoch in [{make}, shuffle=True, seed={seed})] * 3]"]
        steps += [f"[*DataLoader(Fast({n}), {size}, shuffle=True, seed={seed + 1})]"]
        steps += [f"[*DataLoader(Fast({n * size}), {size}, drop_last=True)]"]
        own = ["DataLoader.__iter__"]
        *found, other, whole = submission.run(told, steps=steps, own=own)
        assert batches(whole) == np.arange(n * size).reshape(n, size).tolist()
        for number, (plain, shuffled) in enumerate(zip(found[::2], found[1::2], strict=True)):
            count = n - n % size if number > 1 else n
            cut = [[*range(n)][start : start + size] for start in range(0, count, size)]
            assert batches(plain) == cut, "without shuffle, in order"
            assert isinstance(shuffled, list) and shuffled[0] == "list", f"three epochs: {shuffled}"
            epochs = [batches(epoch) for epoch in shuffled[1:]]
            for epoch in epochs:
                seen = [*itertools.chain(*epoch)]
                assert [*map(len, epoch)] == [*map(len, cut)], "the sizes of the batches"
                assert len({*seen}) == count and {*seen} <= {*range(n)}, "each sample once"
                rows = [one for one in epoch if np.ptp(one) == len(one) - 1 > 0]
                assert len(rows) < 3, "neighbours in the data stay together"
                assert any(one != sorted(one) for one in epoch), "each batch is sorted"
            assert epochs[0] != epochs[1] != epochs[2], "the same order comes again"
            assert epochs[0] != batches(other) or count < n, "another seed, the same order"

    @pytest.mark.points(0.5)
    def test_batches_are_made_when_asked_for(self, submission, rng):
        n, size, seed = (int(i) for i in rng.integers([40, 3, 1], [70, 9, 1000]))
        make = f"DataLoader({{}}({n}), {size}, shuffle=True, seed={seed})"
        steps = [f"(m := {make.format(kind)}, next(iter(m)))[0].dataset.asked"
                 for kind in ("Counted", "Fast")]  # fmt: skip
        steps += [f"(m := {make.format('Fast')}, s := m.rng.bit_generator.state, [*m])[2]"]
        steps += ["(setattr(m.rng.bit_generator, 'state', s), [*m])[1]"]
        plain = f"DataLoader(Counted({n}), {size})"
        steps += [f"[[*map(len, [a, b])] for a, b in zip(*[{plain}] * 2)]"]
        steps += [f"(p := {plain}, next(iter(p)), [*p])[2]"]
        steps += [f"(m := {make.format('Fast')}, i := iter(m), b := next(i), [[*m], [b, *i]])[3]"]
        one, fast, first, again, both, anew, nested = submission.run(
            told, steps=steps, own=["DataLoader.__iter__"]
        )
        assert (one, fast) == (size, size), f"for one batch of {size}, {one} and {fast} were asked"
        assert batches(first) == batches(again), "from the same state of rng, another order"
        assert len(both) - 1 == -(-n // size), "two loops at a time disturb each other"
        for epoch in map(batches, nested[1:]):
            seen = sorted(itertools.chain(*epoch))
            assert seen == [*range(n)], "two shuffled loops at a time disturb each other"
        cut = [[*range(n)][start : start + size] for start in range(0, n, size)]
        assert batches(anew) == cut, "a loop left early changes the next"


@pytest.mark.exercise("8.10")
class TestEndless:
    @pytest.mark.points(1)
    def test_drawn_epochs(self, submission, rng):
        epochs = [rng.integers(0, 9, size=int(n)).tolist() for n in rng.integers(1, 6, size=5)]
        right = [*itertools.chain(*epochs)]
        several = max(epochs, key=len) * 9
        given = {"epochs": epochs, "k": len(right), "several": several, "own": []}
        steps = ["[b for b, _ in zip(endless(Epochs(*epochs)), range(k))]"]
        steps += ["(e := Epochs(several), next(endless(e)))[1]", "e.asked"]
        steps += ["[b for b, _ in zip(endless(several), range(2 * len(several)))]"]
        steps += ["[*endless(Epochs(epochs[0], []))]", "[*endless([])]"]
        steps += ["sum(1 for _ in zip(range(3000), endless([1])))"]
        found, first, asked, twice, later, empty, many = submission.run(told, steps=steps, **given)
        assert found == ["list", *right], f"epochs {epochs} give {found}"
        assert first == several[0] and asked <= 1, f"for one batch {asked} were taken"
        assert twice == ["list", *several * 2], "a list, again and again"
        assert many == 3000, f"of 3000 epochs of one batch: {many}"
        assert is_error(later, "ValueError", "loader"), f"no batch from epoch 2 on: {later}"
        assert is_error(empty, "ValueError", "loader"), f"no batch: {empty}"
