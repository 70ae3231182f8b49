"""Checks of module 12 for grading, public and hidden ones side by side.

A public check says what it expects, so that a learner can run it without the reference; a hidden
one compares with the reference on inputs that are drawn anew for each batch of submissions.
"""

import numpy as np
import pytest


def scores_with_dtype(attention, Q, K):
    scores = attention.attention_scores.forward(Q, K)
    return [scores, str(scores.dtype), Q, K]


@pytest.mark.exercise("12.1")
class TestAttentionScores:
    @pytest.mark.points(1)
    def test_each_query_meets_each_key(self, submission):
        Q = np.array([[[2.0, 0.0], [0.0, 2.0]]])
        K = np.array([[[2.0, 0.0], [1.0, 1.0], [0.0, 3.0]]])
        scores = submission.run(scores_with_dtype, Q=Q, K=K)[0]
        assert np.array_equal(scores, [[[4, 2, 0], [0, 2, 6]]])

    @pytest.mark.hidden
    @pytest.mark.points(1)
    def test_batch_and_heads_have_their_own_scores(self, submission, rng):
        Q, K = rng.normal(size=(2, 3, 5, 7)), rng.normal(size=(2, 3, 11, 7))
        submission.check(scores_with_dtype, Q=Q, K=K)

    @pytest.mark.hidden
    @pytest.mark.points(1)
    def test_the_dtype_is_kept_and_so_are_the_inputs(self, submission, rng):
        def probe(attention, Q, K):
            Q, K = Q.swapaxes(1, 2), K.swapaxes(-1, -2)
            narrow, wide = (attention.attention_scores.forward(Q, K.astype(t)) for t in "fd")
            same = attention.attention_scores.forward(Q.astype("d"), K.astype("d"))
            return [narrow, str(narrow.dtype), wide, same, str(same.dtype), Q, K]

        Q, K = rng.normal(size=(2, 5, 3, 7)), rng.normal(size=(2, 3, 7, 5))
        submission.check(probe, atol=1e-5, Q=Q.astype(np.float32), K=K.astype(np.float32))


@pytest.mark.exercise("12.2")
class TestAttentionScoresRule:
    @pytest.mark.points(1)
    def test_each_pair_adds_its_share_to_two_rows(self, submission):
        def probe(attention, grad, output, Q, K):
            return attention.attention_scores.rule(grad, output, Q, K)

        Q = np.array([[[1.0, 0.0], [0.0, 2.0]]])
        K = np.array([[[1.0, 1.0], [2.0, 0.0], [0.0, 3.0]]])
        output = np.array([[[1.0, 2.0, 0.0], [2.0, 0.0, 6.0]]])
        grad = np.array([[[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]]])
        grad_Q, grad_K = submission.run(probe, grad=grad, output=output, Q=Q, K=K)
        assert np.array_equal(grad_Q, [[[1, 7], [2, 0]]])
        assert np.array_equal(grad_K, [[[1, 0], [0, 2], [2, 0]]])

    @pytest.mark.hidden
    @pytest.mark.points(1)
    def test_batch_and_heads_have_their_own_gradients(self, submission, rng):
        def probe(attention, grad, Q, K):
            import numpy as np

            Q, K = Q.swapaxes(1, 2), K.swapaxes(1, 2)
            output = np.einsum("...ic,...jc->...ij", Q, K)
            grad_Q, grad_K = attention.attention_scores.rule(grad, output, Q, K)
            return [grad_Q, grad_K, grad, Q, K]

        Q, K = rng.normal(size=(2, 5, 3, 7)), rng.normal(size=(2, 11, 3, 7))
        submission.check(probe, grad=rng.normal(size=(2, 3, 5, 11)), Q=Q, K=K)

    @pytest.mark.hidden
    @pytest.mark.points(1)
    def test_a_word_that_is_query_and_key_gets_both_gradients(self, submission, rng):
        def probe(attention, x, grad):
            import numpy as np
            from tinytorch.core.tensor import Tensor

            # exercise 12.1 has checks of its own
            attention.attention_scores.forward = lambda Q, K: np.einsum("bic,bjc->bij", Q, K)
            x = Tensor(x, requires_grad=True, dtype=x.dtype)
            attention.attention_scores(x, x).backward(grad)
            return x.grad

        submission.check(probe, x=rng.normal(size=(3, 5, 2)), grad=rng.normal(size=(3, 5, 5)))


def weights_of(attention, scores, mask):
    from tinytorch.core.tensor import Tensor

    return attention.attention_weights(Tensor(scores), mask).numpy()


@pytest.mark.exercise("12.3")
class TestAttentionWeights:
    @pytest.mark.points(1)
    def test_each_query_shares_itself_out_over_the_keys(self, submission):
        scores = np.array([[[1000.0, 1000.0, 0.0], [0.0, np.log(2), 0.0]]])
        weights = submission.run(weights_of, scores=scores, mask=None)
        assert np.allclose(weights, [[[0.5, 0.5, 0], [0.25, 0.5, 0.25]]])

    @pytest.mark.points(1)
    def test_a_blocked_key_takes_no_share(self, submission):
        scores, mask = np.log([[[1.0, 2.0, 5.0, 2.0]]]), np.array([[1, 0, 1, 1]])
        weights = submission.run(weights_of, scores=scores, mask=mask)
        assert np.allclose(weights, [[[1 / 8, 0, 5 / 8, 2 / 8]]])
        assert weights[0, 0, 1] == 0

    @pytest.mark.hidden
    @pytest.mark.points(1)
    def test_masks_of_every_shape_and_kind(self, submission, rng):
        def probe(attention, few, many, masks):
            from tinytorch.core.tensor import Tensor

            asked = [(few, mask) for mask in masks if mask.shape[1:2] != (3,)]
            asked += [(many, mask) for mask in masks]
            asked += [(many, Tensor(masks[1])), (many, masks[1] * 2), (few, -masks[1].astype(int))]
            weights = [attention.attention_weights(Tensor(x), mask).numpy() for x, mask in asked]
            try:
                attention.attention_weights(Tensor(few), masks[-1])
            except ValueError:
                return [weights, [x == 0 for x in weights], "refused"]
            return "a mask that would enlarge the scores was taken"

        shapes = [(5, 7), (2, 5, 7), (2, 1, 1, 7), (2, 1, 5, 7), (2, 3, 5, 7)]
        masks = [rng.random(shape) < 0.5 for shape in shapes]
        masks[2] = masks[2].astype(float)
        few, many = rng.normal(size=(2, 5, 7)), rng.normal(size=(2, 3, 5, 7))
        submission.check(probe, few=few, many=many, masks=masks)

    @pytest.mark.hidden
    @pytest.mark.points(1)
    def test_gradients_of_rows_with_much_and_with_nothing_to_see(self, submission, rng):
        def probe(attention, scores, mask, grad):
            from tinytorch.core.tensor import Tensor

            given = Tensor(scores.copy(), requires_grad=True, dtype=scores.dtype)
            weights = attention.attention_weights(given, mask)
            weights.backward(grad)
            return [weights.numpy(), given.grad, given.numpy()]

        scores, grad = rng.normal(size=(2, 2, 3, 5, 7))
        mask = rng.random((2, 3, 5, 7)) < 0.5
        mask[:, :, 1], mask[:, :, 2] = False, True
        scores[:, :, 3] -= 1e6
        submission.check(probe, scores=scores, mask=mask, grad=grad)


@pytest.mark.exercise("12.4")
class TestWeightedSum:
    @pytest.mark.points(1)
    def test_half_of_one_value_and_a_quarter_of_another(self, submission):
        def probe(attention, weights, V):
            return attention.weighted_sum.forward(weights, V)

        weights = np.array([[[0.5, 0.0, 0.25], [0.0, 1.0, 0.0]]])
        V = np.array([[[2.0, 4.0], [8.0, 8.0], [4.0, 0.0]]])
        output = submission.run(probe, weights=weights, V=V)
        assert np.array_equal(output, [[[2, 2], [8, 8]]])

    @pytest.mark.hidden
    @pytest.mark.points(1)
    def test_batch_and_heads_have_their_own_sums(self, submission, rng):
        def probe(attention, weights, V):
            return attention.weighted_sum.forward(weights, V)

        submission.check(probe, weights=rng.random((2, 3, 5, 11)), V=rng.normal(size=(2, 3, 11, 7)))

    @pytest.mark.hidden
    @pytest.mark.points(1)
    def test_the_dtype_is_kept_and_so_are_the_inputs(self, submission, rng):
        def probe(attention, weights, V):
            weights, V = weights.swapaxes(-1, -2), V.swapaxes(1, 2)
            narrow = attention.weighted_sum.forward(weights, V)
            wide = attention.weighted_sum.forward(weights.astype("d"), V.astype("d"))
            return [narrow, str(narrow.dtype), wide, str(wide.dtype), weights, V]

        weights, V = rng.random((2, 3, 7, 5)), rng.normal(size=(2, 7, 3, 2))
        arrays = {"weights": weights.astype(np.float32), "V": V.astype(np.float32)}
        submission.check(probe, atol=1e-5, **arrays)


@pytest.mark.exercise("12.5")
class TestWeightedSumRule:
    @pytest.mark.points(1)
    def test_a_weight_gets_one_dot_product_and_a_value_a_sum(self, submission):
        def probe(attention, grad, output, weights, V):
            return attention.weighted_sum.rule(grad, output, weights, V)

        weights = np.array([[[1.0, 0.0, 2.0], [0.0, 3.0, 1.0]]])
        V = np.array([[[1.0, 1.0], [2.0, 0.0], [0.0, 3.0]]])
        output = np.array([[[1.0, 7.0], [6.0, 3.0]]])
        grad = np.array([[[1.0, 0.0], [0.0, 2.0]]])
        found = submission.run(probe, grad=grad, output=output, weights=weights, V=V)
        assert np.array_equal(found[0], [[[1, 2, 0], [2, 0, 6]]])
        assert np.array_equal(found[1], [[[1, 0], [0, 6], [2, 2]]])

    @pytest.mark.hidden
    @pytest.mark.points(1)
    def test_batch_and_heads_have_their_own_gradients(self, submission, rng):
        def probe(attention, grad, weights, V):
            import numpy as np

            V, grad = V.swapaxes(1, 2), grad.swapaxes(1, 2)
            output = np.einsum("...ij,...jc->...ic", weights, V)
            grad_weights, grad_V = attention.weighted_sum.rule(grad, output, weights, V)
            return [grad_weights, grad_V, grad, weights, V]

        weights, V = rng.random((2, 3, 5, 11)), rng.normal(size=(2, 11, 3, 7))
        submission.check(probe, grad=rng.normal(size=(2, 5, 3, 7)), weights=weights, V=V)

    @pytest.mark.hidden
    @pytest.mark.points(1)
    def test_gradients_come_through_the_operation(self, submission, rng):
        def probe(attention, weights, V, grad):
            import numpy as np
            from tinytorch.core.tensor import Tensor

            # exercise 12.4 has checks of its own
            attention.weighted_sum.forward = lambda W, V: np.einsum("bij,bjc->bic", W, V)
            leaves = [Tensor(x, requires_grad=True, dtype=x.dtype) for x in (weights, V)]
            attention.weighted_sum(*leaves).backward(grad)
            return [leaf.grad for leaf in leaves]

        weights, V = rng.random((3, 5, 5)), rng.normal(size=(3, 5, 2))
        submission.check(probe, weights=weights, V=V, grad=rng.normal(size=(3, 5, 2)))


def attend(attention, Q, K, V, masks):
    from tinytorch.core.tensor import Tensor

    answers = []
    for mask in masks:
        tensors = [Tensor(x, dtype=x.dtype) for x in (Q, K, V)]
        output, weights = attention.scaled_dot_product_attention(*tensors, mask)
        answers.append([output.numpy(), weights.numpy()])
    return answers


@pytest.mark.exercise("12.6")
class TestScaledDotProductAttention:
    @pytest.mark.points(1)
    def test_it_looks_at_dog(self, submission):
        Q = np.array([[[2.0, 0, 0, 0]]])
        K = np.array([[[0.0, 0, 0, 1], [2, 0, 0, 0], [0, 2, 0, 0], [1, 0, 1, 0]]])
        V = np.array([[[0.0, 0], [1, 0], [0, 1], [0, 0]]])
        [[output, weights]] = submission.run(attend, Q=Q, K=K, V=V, masks=[None])
        shares = np.exp([0, 2, 0, 1]) / np.exp([0, 2, 0, 1]).sum()
        assert np.allclose(weights, shares)
        assert np.allclose(output, shares[1:3])

    @pytest.mark.points(1)
    def test_the_first_of_two_words_does_not_see_the_second(self, submission):
        Q, V = np.zeros((1, 2, 3)), np.array([[[2.0, 4.0], [6.0, 0.0]]])
        masks = [np.array([[1, 0], [1, 1]])]
        [[output, weights]] = submission.run(attend, Q=Q, K=Q, V=V, masks=masks)
        assert np.allclose(weights, [[[1, 0], [0.5, 0.5]]])
        assert np.allclose(output, [[[2, 4], [4, 2]]])

    @pytest.mark.hidden
    @pytest.mark.points(1)
    def test_other_sizes_heads_and_masks(self, submission, rng):
        Q, K = rng.normal(size=(2, 3, 5, 7)), rng.normal(size=(2, 3, 11, 7))
        shapes = [(5, 11), (2, 5, 11), (2, 1, 1, 11), (2, 1, 5, 11), (2, 3, 5, 11)]
        masks = [None, *(rng.random(shape) < 0.5 for shape in shapes)]
        submission.check(attend, Q=Q, K=K, V=rng.normal(size=(2, 3, 11, 13)), masks=masks)

    @pytest.mark.hidden
    @pytest.mark.points(1)
    def test_gradients_reach_queries_keys_and_values(self, submission, rng):
        def probe(attention, Q, K, V, mask, grad_output, grad_weights):
            from tinytorch.core.tensor import Tensor

            leaves = [Tensor(x, requires_grad=True, dtype=x.dtype) for x in (Q, K, V)]
            output, weights = attention.scaled_dot_product_attention(*leaves, mask)
            ((output * grad_output).sum() + (weights * grad_weights).sum()).backward()
            return [leaf.grad for leaf in leaves]

        Q, K, V = (rng.normal(size=(2, *size)) for size in ((5, 3), (7, 3), (7, 11)))
        mask = rng.random((2, 5, 7)) < 0.7
        mask[:, 1] = False
        grads = {
            "grad_output": rng.normal(size=(2, 5, 11)),
            "grad_weights": rng.normal(size=(2, 5, 7)),
        }
        submission.check(probe, Q=Q, K=K, V=V, mask=mask, **grads)

    @pytest.mark.hidden
    @pytest.mark.points(1)
    def test_inputs_that_do_not_belong_together_are_refused(self, submission, rng):
        def probe(attention, Q, K, V):
            from tinytorch.core.tensor import Tensor

            def answer(Q, K, V):
                try:
                    return list(attention.scaled_dot_product_attention(Q, K, V)[0].shape)
                except (TypeError, ValueError) as error:
                    return type(error).__name__

            array, tokens = Q, Tensor((10 * Q).astype(int))
            Q, K, V = map(Tensor, (Q, K, V))
            cases = [(Q, K, V), (array, K, V), (tokens, K, V), (Q, K[:, :-1], V), (Q, K, V[:, :-1])]
            return [answer(*case) for case in [*cases, (Q[0], K[0], V[0]), (Q, K[:, :0], V[:, :0])]]

        Q, K, V = (rng.normal(size=(2, *size)) for size in ((5, 3), (7, 3), (7, 11)))
        submission.check(probe, Q=Q, K=K, V=V)


def attend_by_matrices(attention, Q, K, V, mask=None, grad=None):
    from tinytorch.core.tensor import Tensor

    def loops(*_):
        raise RuntimeError("vectorized_attention calls the loops")

    attention.scaled_dot_product_attention = loops
    attention.attention_scores = attention.weighted_sum = loops
    leaves = [Tensor(x, requires_grad=True, dtype=x.dtype) for x in (Q, K, V)]
    output, weights = attention.vectorized_attention(*leaves, mask)
    if grad is not None:
        output.backward(grad)
    return [output.numpy(), weights.numpy(), *(leaf.grad for leaf in leaves)]


@pytest.mark.exercise("12.7")
class TestVectorizedAttention:
    @pytest.mark.points(1)
    def test_shares_on_paper(self, submission):
        Q, V = np.array([[[2.0, 0, 0, 0]]]), np.array([[[8.0, 4.0], [4.0, 0.0]]])
        K = np.array([[[np.log(3), 0, 0, 0], [0, 1, 0, 0]]])
        output, weights, *_ = submission.run(attend_by_matrices, Q=Q, K=K, V=V)
        assert np.allclose(weights, [[[0.75, 0.25]]])
        assert np.allclose(output, [[[7, 3]]])

    @pytest.mark.hidden
    @pytest.mark.points(1)
    def test_heads_a_mask_and_gradients(self, submission, rng):
        Q, K, V = (rng.normal(size=(2, 3, *size)) for size in ((5, 7), (11, 7), (11, 13)))
        arrays = {"mask": rng.random((2, 5, 11)) < 0.5, "grad": rng.normal(size=(2, 3, 5, 13))}
        submission.check(attend_by_matrices, Q=Q, K=K, V=V, **arrays)


@pytest.mark.exercise("12.8")
class TestCreateCausalMask:
    @pytest.mark.points(1)
    def test_three_positions(self, submission):
        def probe(attention):
            return attention.create_causal_mask(3).numpy()

        assert np.array_equal(submission.run(probe), [[1, 0, 0], [1, 1, 0], [1, 1, 1]])

    @pytest.mark.hidden
    @pytest.mark.points(1)
    def test_other_lengths_and_what_is_no_length(self, submission, rng):
        def probe(attention, lengths):
            import numpy as np

            def answer(length):
                try:
                    return attention.create_causal_mask(length).numpy()
                except ValueError as error:
                    return f"seq_len is {'' if 'seq_len' in str(error) else 'not '}named"

            return [answer(length) for length in [*lengths, np.int64(5), 1, 0, -1, 2.5]]

        submission.check(probe, lengths=[int(rng.integers(6, 13))])


@pytest.mark.exercise("12.9")
class TestCreatePaddingMask:
    @pytest.mark.points(1)
    def test_padding_behind_three_sentences(self, submission):
        def probe(attention, lengths):
            return attention.create_padding_mask(lengths, 4).numpy()

        mask = submission.run(probe, lengths=[3, 1, 0])
        assert mask.shape == (3, 1, 1, 4)
        assert np.array_equal(mask[:, 0, 0], [[1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]])

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_lengths_of_every_kind(self, submission, rng):
        def probe(attention, lengths, max_length):
            from tinytorch.core.tensor import Tensor

            kinds = (lengths, Tensor(lengths), lengths.tolist(), [max_length])
            masks = [attention.create_padding_mask(kind, max_length) for kind in kinds]
            causal = Tensor([[float(j <= i) for j in range(max_length)] for i in range(max_length)])
            return [*(mask.numpy() for mask in masks), (causal * masks[0]).numpy()]

        lengths = rng.integers(0, 7, size=5)
        submission.check(probe, lengths=lengths, max_length=7)

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_what_are_no_lengths(self, submission, rng):
        def probe(attention, cases, max_length):
            def answer(lengths):
                try:
                    return attention.create_padding_mask(lengths, max_length).numpy()
                except ValueError as error:
                    return f"lengths are {'' if 'lengths' in str(error) else 'not '}named"

            return [answer(lengths) for lengths in cases]

        n = int(rng.integers(3, 8))
        cases = [[1, n], [2, n + 1], [n, -1], [1.5, 2.0], 3, [[1, 2]]]
        submission.check(probe, cases=cases, max_length=n)


@pytest.mark.exercise("12.10")
class TestSplitHeads:
    @pytest.mark.points(1)
    def test_a_head_is_a_block_of_columns(self, submission):
        def probe(attention, x):
            from tinytorch.core.tensor import Tensor

            return attention.split_heads(Tensor(x), 2).numpy()

        x = np.array([[[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]])
        first, second = [[0, 1, 2], [6, 7, 8]], [[3, 4, 5], [9, 10, 11]]
        assert np.array_equal(submission.run(probe, x=x), [[first, second]])

    @pytest.mark.hidden
    @pytest.mark.points(1)
    def test_other_sizes_and_the_gradient(self, submission, rng):
        def probe(attention, x, grad):
            from tinytorch.core.tensor import Tensor

            x = Tensor(x, requires_grad=True, dtype=x.dtype)
            heads = attention.split_heads(x, 3)
            heads.backward(grad)
            return [heads.numpy(), x.grad]

        submission.check(probe, x=rng.normal(size=(2, 7, 15)), grad=rng.normal(size=(2, 3, 7, 5)))


@pytest.mark.exercise("12.11")
class TestMergeHeads:
    @pytest.mark.points(1)
    def test_two_heads_side_by_side(self, submission):
        def probe(attention, x):
            from tinytorch.core.tensor import Tensor

            return attention.merge_heads(Tensor(x)).numpy()

        x = np.array([[[[0, 1, 2], [6, 7, 8]], [[3, 4, 5], [9, 10, 11]]]])
        merged = [[[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]]
        assert np.array_equal(submission.run(probe, x=x), merged)

    @pytest.mark.hidden
    @pytest.mark.points(1)
    def test_other_sizes_and_the_gradient(self, submission, rng):
        def probe(attention, x, grad):
            from tinytorch.core.tensor import Tensor

            x = Tensor(x, requires_grad=True, dtype=x.dtype)
            merged = attention.merge_heads(x)
            merged.backward(grad)
            return [merged.numpy(), x.grad]

        submission.check(probe, x=rng.normal(size=(2, 3, 7, 5)), grad=rng.normal(size=(2, 7, 15)))


@pytest.mark.exercise("12.12")
class TestMultiHeadInit:
    @pytest.mark.points(1)
    def test_four_layers_and_what_was_passed_in(self, submission):
        def probe(attention):
            made = attention.MultiHeadAttention(6, 3, attention.vectorized_attention)
            default = attention.MultiHeadAttention(6, 3).attention
            shapes = {name: list(x.shape) for name, x in made.named_parameters()}
            kept = made.attention is attention.vectorized_attention
            default_is_kept = default is attention.scaled_dot_product_attention
            return [shapes, made.embed_dim, made.num_heads, kept, default_is_kept]

        shapes, *kept = submission.run(probe)
        layers = ("q_proj", "k_proj", "v_proj", "out_proj")
        parts = {"weight": [6, 6], "bias": [6]}
        assert shapes == {f"{layer}.{part}": parts[part] for layer in layers for part in parts}
        assert kept == [6, 3, True, True]

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_the_generator_draws_all_weights(self, submission, rng):
        def probe(attention, seed):
            import numpy as np

            def weights(rng):
                made = attention.MultiHeadAttention(6, 2, rng=rng)
                layers = (made.q_proj, made.k_proj, made.v_proj, made.out_proj)
                return [layer.weight.numpy() for layer in layers]

            first, second = (weights(np.random.default_rng(seed)) for _ in range(2))
            drawn = [*first, *weights(np.random.default_rng(seed + 1)), *weights(None)]
            return [np.array_equal(first, second), len({x.tobytes() for x in drawn})]

        submission.check(probe, seed=int(rng.integers(1, 1000)))

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_sizes_that_do_not_fit_are_refused(self, submission, rng):
        def probe(attention, cases):
            def answer(embed_dim, num_heads):
                try:
                    return attention.MultiHeadAttention(embed_dim, num_heads).num_heads
                except ValueError as error:
                    return all(str(n) in str(error) for n in (embed_dim, num_heads) if n > 1)

            return [answer(*case) for case in cases]

        heads = int(rng.integers(3, 9))
        width = heads * int(rng.integers(10, 20))
        cases = [[width, heads], [width + 1, heads], [heads, width], [6, 0], [0, 2], [6, -3]]
        submission.check(probe, cases=cases)


def attend_with_heads(attention, parameters, query, key, value, mask, grad):
    import numpy as np
    from tinytorch.core.tensor import Tensor

    calls = []

    def shares_without_softmax(Q, K, V, mask=None):  # any function will do, and this one is linear
        calls.append(list(Q.shape))
        weights = Q @ K.transpose(-2, -1) * Tensor(mask, dtype=mask.dtype)
        return weights @ V, weights

    layer = attention.MultiHeadAttention(15, 3, shares_without_softmax).to(np.float64)
    layer.load_state_dict(parameters)
    words = [Tensor(x, requires_grad=True, dtype=x.dtype) for x in (query, key, value)]
    output, weights = layer.attend(*words, mask)
    answer = [calls, output.numpy(), weights.numpy()]
    if grad is not None:
        output.backward(grad)
        answer += [x.grad for x in words] + [x.grad for _, x in sorted(layer.named_parameters())]
    return answer


def drawn_words(rng):
    names = [f"{name}_proj" for name in ("q", "k", "v", "out")]
    parameters = {f"{name}.weight": rng.normal(size=(15, 15)) for name in names}
    parameters |= {f"{name}.bias": rng.normal(size=15) for name in names}
    words = {"query": rng.normal(size=(2, 7, 15))}
    words |= {name: rng.normal(size=(2, 11, 15)) for name in ("key", "value")}
    return {"parameters": parameters, **words, "mask": rng.random((2, 1, 7, 11)).round()}


@pytest.mark.exercise("12.13")
class TestMultiHeadAttend:
    @pytest.mark.points(1)
    def test_project_split_attend_once_merge_project(self, submission):
        def probe(attention, x, mask):
            import numpy as np
            from tinytorch.core.tensor import Tensor

            calls = []

            def tenfold(Q, K, V, mask=None):
                calls.append([Q.numpy(), K.numpy(), V.numpy(), mask])
                return V * 10, Q

            layer = attention.MultiHeadAttention(4, 2, tenfold)
            for number, name in enumerate(("q_proj", "k_proj", "v_proj", "out_proj"), 1):
                getattr(layer, name).weight.data = np.eye(4)
                getattr(layer, name).bias.data = np.full(4, float(number))
            output, weights = layer.attend(Tensor(x), Tensor(x), Tensor(x), mask)
            return [calls, output.numpy(), weights.numpy()]

        x, mask = np.array([[[0.0, 1, 2, 3], [4, 5, 6, 7]]]), np.array([[1, 0], [1, 1]])
        heads = np.array([[[[0, 1], [4, 5]], [[2, 3], [6, 7]]]])
        [[Q, K, V, seen]], output, weights = submission.run(probe, x=x, mask=mask)
        assert np.allclose([Q, K, V], [heads + 1, heads + 2, heads + 3])
        assert np.array_equal(seen, mask)
        assert np.allclose(output, 10 * (x + 3) + 4)
        assert np.allclose(weights, Q)

    @pytest.mark.points(1)
    def test_a_change_in_the_last_word_is_not_seen_by_the_first_ones(self, submission):
        def probe(attention, x, mask):
            import numpy as np
            from tinytorch.core.tensor import Tensor

            layer = attention.MultiHeadAttention(6, 3, rng=np.random.default_rng(13))
            return layer.forward(Tensor(x), mask).numpy()

        x = np.arange(24.0).reshape(2, 2, 6)
        x[1, 0] = x[0, 0]  # two sentences with the same first word
        output = submission.run(probe, x=x, mask=np.array([[1, 0], [1, 1]]))
        assert output.shape == x.shape
        assert np.allclose(output[0, 0], output[1, 0])
        assert not np.allclose(output[0, 1], output[1, 1])

    @pytest.mark.hidden
    @pytest.mark.points(2)
    def test_other_words_to_look_at(self, submission, rng):
        submission.check(attend_with_heads, **drawn_words(rng), grad=None)

    @pytest.mark.hidden
    @pytest.mark.points(1)
    def test_gradients_reach_words_and_parameters(self, submission, rng):
        grad = rng.normal(size=(2, 7, 15))
        submission.check(attend_with_heads, **drawn_words(rng), grad=grad)
