"""Hidden checks of module 12: inputs are drawn anew for each batch of submissions."""

import numpy as np
import pytest

from tests.grading.test_attention import answers, attend, attend_by_matrices, forward, moved, rule

SCORES = ("attention_scores", (2, 3, 5, 7), (2, 3, 11, 7), "bhic,bhjc->bhij")
SUMS = ("weighted_sum", (2, 3, 5, 11), (2, 3, 11, 7), "bhij,bhjc->bhic")


def check_rule(submission, rng, part, op, a, b, subscripts):
    a, b = rng.normal(size=a), rng.normal(size=b)
    output = np.einsum(subscripts, a, b)
    arrays = {"grad": rng.normal(size=output.shape), "output": output, "a": a, "b": b}
    submission.check(rule, rtol=1e-9, atol=1e-12, op=op, part=part, **arrays)


def drawn_masks(rng, n_q, n_k):
    """A mask of each shape for scores (2, 3, n_q, n_k); each query may look at the first key."""
    shapes = [(n_q, n_k), (2, n_q, n_k), (2, 1, 1, n_k), (2, 1, n_q, n_k), (2, 3, n_q, n_k)]
    masks = [rng.random(shape) < 0.5 for shape in shapes]
    for mask in masks:
        mask[..., 0] = True
    return masks


@pytest.mark.exercise("12.1")
class TestAttentionScores:
    op = "attention_scores"

    def test_batch_and_heads_have_their_own_scores(self, submission, rng):
        Q, K = rng.normal(size=(2, 3, 5, 7)), rng.normal(size=(2, 3, 11, 7))
        submission.check(forward, op=self.op, a=Q, b=K)

    def test_the_dtype_is_kept_and_so_are_the_inputs(self, submission, rng):
        Q, K = rng.normal(size=(2, 2, 3, 5, 7)).astype(np.float32)
        submission.check(forward, atol=1e-5, op=self.op, a=Q, b=K)


@pytest.mark.exercise("12.2")
class TestAttentionScoresRule:
    op = "attention_scores"

    def test_the_gradient_of_the_queries_of_many_heads(self, submission, rng):
        check_rule(submission, rng, 0, *SCORES)

    def test_the_gradient_of_the_keys_of_many_heads(self, submission, rng):
        check_rule(submission, rng, 1, *SCORES)


@pytest.mark.exercise("12.3")
class TestAttentionWeights:
    def test_masks_of_every_shape_and_kind(self, submission, rng):
        def probe(attention, few, many, masks):
            asked = [(many, mask) for mask in masks]
            asked += [(few, mask) for mask in masks if mask.shape[1:2] != (3,)]
            for mask in (attention.Tensor(masks[1]), masks[1] * 2.0, 3 * masks[1].astype(int)):
                asked += [(many, mask), (few, mask)]
            tensors = [(attention.Tensor(scores), mask) for scores, mask in asked]
            weights = [attention.attention_weights(*pair).numpy() for pair in tensors]
            try:
                attention.attention_weights(attention.Tensor(few), masks[-1])
            except ValueError:
                return [weights, [x == 0 for x in weights], "refused"]
            return "a mask that would enlarge the scores was taken"

        few, many = rng.normal(size=(2, 5, 7)), rng.normal(size=(2, 3, 5, 7))
        submission.check(probe, few=few, many=many, masks=drawn_masks(rng, 5, 7))

    def test_gradients_of_rows_with_much_and_with_nothing_to_see(self, submission, rng):
        def probe(attention, scores, mask, grad):
            given = attention.Tensor(scores.copy(), requires_grad=True, dtype=scores.dtype)
            weights = attention.attention_weights(given, mask)
            weights.backward(grad)
            return [weights.numpy(), given.grad, given.numpy()]

        scores, grad = rng.normal(size=(2, 2, 3, 5, 7))
        mask = rng.random((2, 3, 5, 7)) < 0.5
        mask[:, :, 1], mask[:, :, 2:] = False, True
        mask[:, :, 2:4, 0] = False
        scores[:, :, 2] -= 1e6
        scores[:, :, 3] -= 1e12
        mask[:, :, 4, 2], scores[:, :, 4, 2] = False, 5  # the largest of its row, and blocked
        scores[:, :, 4] *= 1e200
        submission.check(probe, scores=scores, mask=mask, grad=grad)


@pytest.mark.exercise("12.4")
class TestWeightedSum:
    op = "weighted_sum"

    def test_batch_and_heads_have_their_own_sums(self, submission, rng):
        weights, V = rng.random((2, 3, 5, 11)), rng.normal(size=(2, 3, 11, 7))
        submission.check(forward, op=self.op, a=weights, b=V)

    def test_the_dtype_is_kept_and_so_are_the_inputs(self, submission, rng):
        weights, V = rng.normal(size=(2, 2, 3, 5, 5)).astype(np.float32)
        submission.check(forward, atol=1e-5, op=self.op, a=weights, b=V)


@pytest.mark.exercise("12.5")
class TestWeightedSumRule:
    op = "weighted_sum"

    def test_the_gradient_of_the_weights_of_many_heads(self, submission, rng):
        check_rule(submission, rng, 0, *SUMS)

    def test_the_gradient_of_the_values_of_many_heads(self, submission, rng):
        check_rule(submission, rng, 1, *SUMS)


@pytest.mark.exercise("12.6")
class TestScaledDotProductAttention:
    def test_other_sizes_heads_and_masks(self, submission, rng):
        Q, K, V = (rng.normal(size=(2, 3, *size)) for size in ((5, 7), (11, 7), (11, 13)))
        submission.check(attend, Q=Q, K=K, V=V, masks=[None, *drawn_masks(rng, 5, 11)])

    def test_gradients_reach_queries_keys_and_values(self, submission, rng):
        Q, K, V, grad = (rng.normal(size=(2, *size)) for size in ((5, 3), (7, 3), (7, 11), (5, 11)))
        submission.check(attend, Q=Q, K=K, V=V, masks=[drawn_masks(rng, 5, 7)[1]], grad=grad)

    def test_inputs_that_do_not_belong_together_are_refused(self, submission, rng):
        def probe(attention, Q, K, V):
            def answer(Q, K, V):
                try:
                    return list(attention.scaled_dot_product_attention(Q, K, V)[0].shape)
                except (TypeError, ValueError) as error:
                    return type(error).__name__

            array, tokens = Q, attention.Tensor((10 * Q).astype(int))
            Q, K, V = map(attention.Tensor, (Q, K, V))
            cases = [(Q, K, V), (array, K, V), (tokens, K, V), (Q[0], K[0], V[0])]
            cases += [(Q, K[:, :-1], V), (Q, K, V[:, :-1]), (Q, K[:, :0], V[:, :0])]
            return [answer(*case) for case in cases]

        n_q, d_v = rng.choice(range(8, 20), size=2, replace=False)
        Q, K, V = (rng.normal(size=(2, *size)) for size in ((n_q, 3), (7, 3), (7, d_v)))
        submission.check(probe, Q=Q, K=K, V=V)


@pytest.mark.exercise("12.7")
class TestVectorizedAttention:
    def test_heads_a_mask_and_gradients(self, submission, rng):
        Q, K, V = (rng.normal(size=(2, 3, *size)) for size in ((5, 7), (11, 7), (11, 13)))
        arrays = {"mask": drawn_masks(rng, 5, 11)[1], "grad": rng.normal(size=(2, 3, 5, 13))}
        submission.check(attend_by_matrices, Q=Q, K=K, V=V, **arrays)


@pytest.mark.exercise("12.8")
class TestCreateCausalMask:
    of = ("create_causal_mask", "seq_len")

    def test_other_lengths_and_what_is_no_length(self, submission, rng):
        cases = [[int(rng.integers(6, 13))], [1], [0], [-1], [2.5]]
        submission.check(answers, cases=cases, of=self.of)


@pytest.mark.exercise("12.9")
class TestCreatePaddingMask:
    of = ("create_padding_mask", "lengths")

    @pytest.mark.points(0.5)
    def test_lengths_of_every_kind(self, submission, rng):
        def probe(attention, lengths):
            kinds = (lengths, attention.Tensor(lengths), lengths.tolist(), lengths[:0])
            return [attention.create_padding_mask(kind, 7).numpy() for kind in kinds]

        submission.check(probe, lengths=np.array([7, 0, *rng.integers(0, 8, size=3)]))

    @pytest.mark.points(0.5)
    def test_what_are_no_lengths(self, submission, rng):
        n = int(rng.integers(3, 8))
        lengths = [[1, n], [2, n + 1], [n, -1], [1.5, 2.0], 3, [[1, 2]]]
        submission.check(answers, cases=[[case, n] for case in lengths], of=self.of)


@pytest.mark.exercise("12.10")
class TestSplitHeads:
    def test_other_sizes_and_the_gradient(self, submission, rng):
        x, grad = rng.normal(size=(2, 7, 15)), rng.normal(size=(2, 3, 7, 5))
        submission.check(moved, function="split_heads", x=x, grad=grad, num_heads=3)


@pytest.mark.exercise("12.11")
class TestMergeHeads:
    def test_other_sizes_and_the_gradient(self, submission, rng):
        x, grad = rng.normal(size=(2, 3, 7, 5)), rng.normal(size=(2, 7, 15))
        submission.check(moved, function="merge_heads", x=x, grad=grad)


@pytest.mark.exercise("12.12")
class TestMultiHeadInit:
    @pytest.mark.points(0.5)
    def test_the_generator_draws_all_weights(self, submission, rng):
        def probe(attention, seed, width):
            def drawn(rng):
                made = attention.MultiHeadAttention(width, 2, rng=rng)
                layers = (made.q_proj, made.k_proj, made.v_proj, made.out_proj)
                return [layer.weight.numpy().tobytes() for layer in layers]

            seeded = attention.np.random.default_rng
            first, second = drawn(seeded(seed)), drawn(seeded(seed))
            others = drawn(seeded(seed + 1)) + drawn(None) + drawn(None)
            return [first == second, len({*first, *others}), len(first[0])]

        width = 2 * int(rng.integers(3, 20))
        submission.check(probe, seed=int(rng.integers(1, 1000)), width=width)

    @pytest.mark.points(0.5)
    def test_sizes_that_do_not_fit_are_refused(self, submission, rng):
        def probe(attention, cases):
            def answer(embed_dim, num_heads):
                try:
                    return attention.MultiHeadAttention(embed_dim, num_heads).num_heads
                except ValueError as error:
                    named = all(str(size) in str(error) for size in (embed_dim, num_heads))
                    return "refused" if named or num_heads < 1 else "refused without both sizes"
                except (ArithmeticError, AssertionError) as error:
                    return type(error).__name__

            return [answer(*case) for case in cases]

        heads = int(rng.integers(3, 9))
        width = heads * int(rng.integers(10, 20))
        cases = [[width, heads], [width + 1, heads], [3, 6], [6, 0], [0, 0], [6, -3]]
        submission.check(probe, cases=cases)


def attend_with_heads(attention, parameters, query, key, value, mask, grad=None):
    calls = []

    def without_softmax(Q, K, V, mask=None):  # `attention` may be any function
        calls.append(Q.shape)
        weights = Q @ K.transpose(-2, -1) * mask
        return weights @ V, weights

    layer = attention.MultiHeadAttention(15, 3, without_softmax).to("float64")
    layer.load_state_dict(parameters)
    words = [attention.Tensor(x, requires_grad=True, dtype=x.dtype) for x in (query, key, value)]
    output, weights = layer.attend(*words, mask)
    if grad is None:
        return [calls, output.numpy(), weights.numpy()]
    output.backward(grad)
    return [x.grad for x in words] + [x.grad for _, x in sorted(layer.named_parameters())]


def drawn_words(rng):
    names = [f"{name}_proj" for name in ("q", "k", "v", "out")]
    parameters = {f"{name}.weight": rng.normal(size=(15, 15)) for name in names}
    parameters |= {f"{name}.bias": rng.normal(size=15) for name in names}
    words = {name: rng.normal(size=(2, 11, 15)) for name in ("key", "value")}
    mask = drawn_masks(rng, 7, 11)[3].astype(float)
    return {"parameters": parameters, "query": rng.normal(size=(2, 7, 15)), **words, "mask": mask}


@pytest.mark.exercise("12.13")
class TestMultiHeadAttend:
    words = np.array([[[0.0, 1, 2, 3], [4, 5, 6, 7]]])
    heads = np.array([[[[0, 1], [4, 5]], [[2, 3], [6, 7]]]])
    mask = np.array([[1, 0], [1, 1]])

    @pytest.mark.points(2)
    def test_another_attention_and_other_words_to_look_at(self, submission, rng):
        submission.check(attend_with_heads, **drawn_words(rng))

    def test_gradients_reach_words_and_parameters(self, submission, rng):
        words = drawn_words(rng)
        submission.check(attend_with_heads, **words, grad=rng.normal(size=(2, 7, 15)))
