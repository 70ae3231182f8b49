"""Public checks of module 11: each says what it expects, and runs without the reference."""

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


def made(embeddings, name, rows, columns):
    layer = getattr(embeddings, name)(rows, columns)
    return {name: [*x.shape, x.requires_grad] for name, x in layer.named_parameters()}


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


def test_passes_in_the_notebook(submission, exercise):
    submission.pass_own_test()
