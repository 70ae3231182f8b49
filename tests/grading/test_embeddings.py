"""Checks of module 11 for grading, public and hidden ones side by side.

A public check says what it expects; a hidden one draws its inputs anew for each batch.
"""

import re

import numpy as np
import pytest


def look_up(embeddings, weight, ids):
    return [embeddings.embedding_lookup.forward(weight, ids=ids), weight, ids]


@pytest.mark.exercise("11.1")
class TestEmbeddingLookup:
    @pytest.mark.points(0.5)
    def test_each_id_picks_its_row(self, submission):
        weight = np.array([[0.0, 1.0], [10.0, 11.0], [20.0, 21.0]])
        rows = submission.run(look_up, weight=weight, ids=np.array([2, 0, 0, 1]))[0]
        assert np.array_equal(rows, [[20, 21], [0, 1], [0, 1], [10, 11]])

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_ids_in_other_arrangements(self, submission, rng):
        weight = rng.normal(size=(7, 3))
        for shape in [(11,), (5, 2), (2, 3, 5), (1,), ()]:
            ids = np.asarray(rng.integers(0, 7, size=shape))
            submission.check(look_up, weight=weight, ids=ids)


@pytest.mark.exercise("11.2")
class TestEmbeddingLookupRule:
    @pytest.mark.points(1)
    def test_a_row_that_was_picked_twice_gets_both_gradients(self, submission):
        def probe(embeddings, grad, weight, ids):
            return embeddings.embedding_lookup.rule(grad, weight[ids], weight, ids=ids)

        weight = np.array([[5.0, 6.0], [7.0, 8.0], [9.0, 4.0]])
        grad, ids = np.array([[1.0, 2.0], [3.0, 4.0], [10.0, 20.0]]), np.array([1, 0, 1])
        found = submission.run(probe, grad=grad, weight=weight, ids=ids)
        assert np.array_equal(found, [[[3, 4], [11, 22], [0, 0]]])

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_other_ids_and_memory(self, submission, rng):
        def probe(embeddings, grad, weight, cases):
            answers = []
            for ids in cases:
                for table in (weight, weight.T.copy().T):
                    rows = grad[: ids.size].reshape(*ids.shape, -1)
                    rule = embeddings.embedding_lookup.rule
                    answers.append([rule(rows, table[ids], table, ids=ids), table, rows])
            return answers

        shapes = [(11,), (5, 2), (2, 3, 5), ()]
        cases = [np.asarray(rng.integers(0, 7, size=shape)) for shape in shapes]
        grad, weight = rng.normal(size=(30, 3)), rng.normal(size=(7, 3))
        submission.check(probe, grad=grad, weight=weight, cases=cases)

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_gradients_come_through_the_operation(self, submission, rng):
        def probe(embeddings, grad, weight, ids):
            from tinytorch.core.tensor import Tensor

            # exercise 11.1 has checks of its own
            embeddings.embedding_lookup.forward = lambda weight, ids: weight[ids]
            weight = Tensor(weight, requires_grad=True, dtype=weight.dtype)
            first, second = (embeddings.embedding_lookup(weight, ids=part) for part in ids)
            (first * second).backward(grad)
            return weight.grad

        arrays = {"grad": rng.normal(size=(11, 3)), "weight": rng.normal(size=(7, 3))}
        submission.check(probe, ids=rng.integers(0, 7, size=(2, 11)), **arrays)


def ids_or_error(embeddings, cases, vocab_size):
    def answer(ids):
        try:
            found = embeddings.as_ids(ids, vocab_size)
        except (TypeError, ValueError) as error:
            return [type(error).__name__, str(error)]
        return ["taken", found, found.dtype.kind in "iu"]

    return [answer(ids) for ids in cases]


def is_told(message, *numbers):
    """The message names the ids and says these numbers."""
    return "ids" in message and {*numbers} <= {int(one) for one in re.findall(r"-?\d+", message)}


@pytest.mark.exercise("11.3")
class TestAsIds:
    @pytest.mark.points(0.5)
    def test_an_array_of_the_same_shape(self, submission):
        def probe(embeddings, ids):
            from tinytorch.core.tensor import Tensor

            kinds = (ids, ids.tolist(), tuple(ids.tolist()), Tensor(ids))
            return [embeddings.as_ids(kind, 7) for kind in kinds]

        ids = np.array([[0, 6, 2], [1, 2, 3]])
        for found in submission.run(probe, ids=ids):
            assert isinstance(found, np.ndarray), "the ids come back as an array"
            assert np.array_equal(found, ids)

    @pytest.mark.points(0.5)
    def test_what_are_no_ids(self, submission):
        cases = [[0, 1, -1], [[1, 2], [3, 7]], [0.0, 1.0], [True, False], ["the", "cat"]]
        found = submission.run(ids_or_error, cases=cases, vocab_size=7)
        assert [one[0] for one in found] == ["ValueError"] * 2 + ["TypeError"] * 3
        assert is_told(found[0][1], -1, 2), "a message names ids, the id and its position"
        assert is_told(found[1][1], 7, 1), "a message names ids, the id and its position"

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_ids_of_every_kind(self, submission, rng):
        vocab_size = int(rng.integers(50, 100))
        ids = rng.integers(0, vocab_size, size=(2, 3, 5))
        ids[0, 0, 0], ids[1, 2, 4] = 0, vocab_size - 1
        cases = [ids, ids.tolist(), ids.astype(np.uint8), ids.astype(np.int32), vocab_size - 1]
        cases += [ids.astype(float), ids == 0, 2.0, True]
        kinds = submission.run(ids_or_error, cases=cases, vocab_size=vocab_size)
        for given, (how, found, *integers) in zip(cases[:5], kinds[:5], strict=True):
            assert how == "taken", "right ids are refused"
            assert isinstance(found, np.ndarray), "the ids do not come back as an array"
            assert np.array_equal(found, given), "the ids come back changed"
            assert integers == [True], "the ids do not come back as integers"
        for how, text, *_ in kinds[5:]:
            assert how == "TypeError", "what are no integers is no TypeError"
            assert is_told(text), "the message does not name ids"

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_the_first_wrong_id_its_place_and_the_range(self, submission, rng):
        size = int(rng.integers(50, 100))
        ids = rng.integers(10, 50, size=(7, 5, 3))
        i, j, k = rng.integers(3, 5), rng.integers(1, 5), rng.integers(0, 3)
        for wrong in (size, size + 13, -1, -29):
            given = ids.copy()
            given[i, j, k], given[5, 0, 0], given[6, 4, 2] = wrong, 907, -908
            [[how, text, *_]] = submission.run(ids_or_error, cases=[given], vocab_size=size)
            assert how == "ValueError", "a wrong id is no ValueError"
            assert is_told(text, wrong, i, j, k), "the id, or where it stands, is not named"
            assert str(size - 1) in text or str(size) in text, "the range is not named"
            others = [number for number in ("907", "908") if number in text]
            assert not others, "another id than the first wrong one is named"


def made(embeddings, name, rows, columns):
    layer = getattr(embeddings, name)(rows, columns)
    return {name: [*x.shape, x.requires_grad] for name, x in layer.named_parameters()}


def first_numbers(embeddings, name, seed, sizes):
    import numpy as np

    def table(rng):
        return getattr(embeddings, name)(*sizes, rng=rng).weight.numpy()

    rng, again = (np.random.default_rng(seed) for _ in range(2))
    first, same = table(rng), table(again)
    others = {x.tobytes() for x in (first, table(rng), table(None), table(None))}
    return [np.array_equal(first, same), len(others), first]


def check_first_numbers(submission, rng, name):
    sizes = [int(size) for size in rng.integers(90, 130, size=2)]
    seed = int(rng.integers(1, 10_000))
    same, different, first = submission.run(first_numbers, name=name, seed=seed, sizes=sizes)
    assert first.shape == tuple(sizes), f"the table has the shape {first.shape}"
    assert same, "the same generator gives other numbers"
    assert different == 4, "other generators give the same numbers"
    assert abs(first.mean()) < 0.06, "the mean is not 0"  # six deviations, as below
    assert abs(first.std() - 1) < 0.05, "the variance is not 1"
    assert abs((np.abs(first) < 1).mean() - 0.683) < 0.03, "the numbers are not normal"


@pytest.mark.exercise("11.4")
class TestEmbedding:
    @pytest.mark.points(0.5)
    def test_the_table_learns(self, submission):
        found = submission.run(made, name="Embedding", rows=7, columns=3)
        assert found == {"weight": [7, 3, True]}

    @pytest.mark.points(0.5)
    def test_each_id_gives_its_row_and_sends_a_gradient_back(self, submission):
        def probe(embeddings, weight, ids):
            from tinytorch.core.tensor import Tensor

            layer = embeddings.Embedding(3, 2)
            layer.load_state_dict({"weight": weight})
            rows = [layer(kind).numpy() for kind in (ids, ids.tolist(), Tensor(ids))]
            layer(ids).sum().backward()
            return [rows, layer.weight.grad]

        weight = np.array([[0.0, 1.0], [10.0, 11.0], [20.0, 21.0]])
        kinds, grad = submission.run(probe, weight=weight, ids=np.array([[2, 0], [0, 1]]))
        assert len(kinds) == 3
        for rows in kinds:
            assert np.array_equal(rows, [[[20, 21], [0, 1]], [[0, 1], [10, 11]]])
        assert np.array_equal(grad, [[2, 2], [1, 1], [1, 1]])

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_the_first_numbers(self, submission, rng):
        check_first_numbers(submission, rng, "Embedding")

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_other_tables_gradients_and_wrong_ids(self, submission, rng):
        def probe(embeddings, weight, ids, grad):
            layer = embeddings.Embedding(*weight.shape)
            layer.load_state_dict({"weight": weight})
            output = layer.forward(ids)
            output.backward(grad)
            refused = []
            for wrong in ([0, -1], [len(weight)], [1.0], [True]):
                try:
                    refused.append(layer(wrong).numpy())
                except (TypeError, ValueError) as error:
                    refused.append(type(error).__name__)
            return [output.numpy(), layer.weight.grad, str(output.dtype), refused]

        for size in ((7, 13), (13, 2)):
            ids = rng.integers(0, size[0], size=(2, 3, 5))
            ids[0, 0, 0] = size[0] - 1
            arrays = {"weight": rng.normal(size=size), "grad": rng.normal(size=(2, 3, 5, size[1]))}
            submission.check(probe, atol=1e-5, ids=ids, **arrays)


@pytest.mark.exercise("11.5")
class TestPositionalEmbedding:
    @pytest.mark.points(0.5)
    def test_the_table_learns(self, submission):
        found = submission.run(made, name="PositionalEmbedding", rows=11, columns=3)
        assert found == {"weight": [11, 3, True]}

    @pytest.mark.points(0.5)
    def test_each_token_gets_the_row_of_its_position(self, submission):
        def probe(embeddings, weight, x):
            from tinytorch.core.tensor import Tensor

            layer = embeddings.PositionalEmbedding(3, 2)
            layer.load_state_dict({"weight": weight})
            return layer(Tensor(x)).numpy()

        weight = np.array([[100.0, 200.0], [300.0, 400.0], [500.0, 600.0]])
        x = np.array([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]])
        output = submission.run(probe, weight=weight, x=x)
        assert np.array_equal(output, [[[101, 202], [303, 404]], [[105, 206], [307, 408]]])

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_other_lengths_gradients_and_first_numbers(self, submission, rng):
        def probe(embeddings, weight, x, grad):
            from tinytorch.core.tensor import Tensor

            layer, answers = embeddings.PositionalEmbedding(*weight.shape), []
            layer.load_state_dict({"weight": weight})
            for length in (1, 5, len(weight)):
                words = Tensor(x[:, :length], requires_grad=True)
                layer.weight.zero_grad()
                output = layer(words)
                output.backward(grad[:, :length])
                answers.append([output.numpy(), words.grad, layer.weight.grad])
            return answers

        weight, (x, grad) = rng.normal(size=(7, 3)), rng.normal(size=(2, 2, 7, 3))
        submission.check(probe, atol=1e-5, weight=weight, x=x, grad=grad)
        check_first_numbers(submission, rng, "PositionalEmbedding")

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_what_does_not_fit_is_refused(self, submission, rng):
        def probe(embeddings, cases):
            from tinytorch.core.tensor import Tensor

            def answer(max_len, embed_dim, x):
                try:
                    return list(embeddings.PositionalEmbedding(max_len, embed_dim)(Tensor(x)).shape)
                except ValueError as error:
                    return type(error).__name__

            return [answer(*case) for case in cases]

        n = int(rng.integers(5, 12))
        shapes = {(n, 3): [(2, n, 3), (2, n, 1), (2, n, 5), (2, n + 1, 3), (2, n + 9, 3)]}
        shapes |= {(1, 3): [(2, 1, 3), (2, n, 3)], (n, 1): [(2, 3, 1), (2, 3, 5)]}
        cases = [[*size, rng.normal(size=shape)] for size in shapes for shape in shapes[size]]
        submission.check(probe, cases=cases)


def positions(embeddings, seq_len, embed_dim):
    rows = embeddings.sinusoidal_positions(seq_len, embed_dim)
    return [rows.numpy(), rows.requires_grad, rows.node is None]


@pytest.mark.exercise("11.6")
class TestSinusoidalPositions:
    @pytest.mark.points(0.5)
    def test_the_first_positions(self, submission):
        rows, learns, is_constant = submission.run(positions, seq_len=3, embed_dim=2)
        assert np.allclose(rows, [[np.sin(t), np.cos(t)] for t in range(3)])
        assert not learns, "the rows are constants, without a gradient"
        assert is_constant, "the rows are constants, without a gradient"

    @pytest.mark.points(0.5)
    def test_the_second_pair_turns_a_hundred_times_slower(self, submission):
        rows, *_ = submission.run(positions, seq_len=101, embed_dim=4)
        assert np.allclose(rows[0], [0, 1, 0, 1])
        assert np.allclose(rows[1], [np.sin(1), np.cos(1), np.sin(0.01), np.cos(0.01)])
        assert np.allclose(rows[100, 2:], [np.sin(1), np.cos(1)])

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_other_sizes(self, submission, rng):
        for embed_dim in (2, 6, 2 * int(rng.integers(5, 20))):
            seq_len = int(rng.integers(2, 30))
            submission.check(positions, atol=1e-4, seq_len=seq_len, embed_dim=embed_dim)

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_what_is_no_size_is_refused(self, submission, rng):
        def probe(embeddings, cases):
            def answer(seq_len, embed_dim):
                try:
                    return list(embeddings.sinusoidal_positions(seq_len, embed_dim).shape)
                except ValueError as error:
                    return any(name in str(error) for name in ("embed_dim", "seq_len"))

            return [answer(*case) for case in cases]

        odd = 2 * int(rng.integers(1, 20)) + 1
        cases = [[5, odd], [5, odd + 1], [5, 1], [1, 2], [0, 4], [4, 0], [-1, 4]]
        submission.check(probe, cases=cases)
