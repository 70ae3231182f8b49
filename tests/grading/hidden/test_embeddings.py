"""Hidden checks of module 11: inputs are drawn anew for each batch of submissions."""

import numpy as np
import pytest

from tests.grading.test_embeddings import ids_or_error, is_told, look_up, positions


@pytest.mark.exercise("11.1")
class TestEmbeddingLookup:
    @pytest.mark.points(0.5)
    def test_ids_in_other_arrangements(self, submission, rng):
        weight = rng.normal(size=(7, 3))
        for shape in [(11,), (5, 2), (2, 3, 5), (1,), ()]:
            ids = np.asarray(rng.integers(0, 7, size=shape))
            submission.check(look_up, weight=weight, ids=ids)
        weight[6] = np.inf
        submission.check(look_up, weight=weight, ids=rng.integers(0, 6, size=5))


@pytest.mark.exercise("11.2")
class TestEmbeddingLookupRule:
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


@pytest.mark.exercise("11.3")
class TestAsIds:
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

        def kept(embeddings, ids):
            found = embeddings.as_ids(ids, 100)
            ids[:] = 0
            return found

        submission.check(kept, ids=ids)

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
    def test_the_first_numbers(self, submission, rng):
        check_first_numbers(submission, rng, "Embedding")

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


@pytest.mark.exercise("11.6")
class TestSinusoidalPositions:
    @pytest.mark.points(0.5)
    def test_other_sizes(self, submission, rng):
        for embed_dim in (2, 6, 2 * int(rng.integers(5, 20))):
            seq_len = int(rng.integers(2, 30))
            submission.check(positions, atol=1e-4, seq_len=seq_len, embed_dim=embed_dim)

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
