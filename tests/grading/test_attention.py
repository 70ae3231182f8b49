"""Public checks of module 12: each says what it expects, and runs without the reference."""

import numpy as np
import pytest


def forward(attention, op, a, b):
    views = [x.swapaxes(1, 2).copy().swapaxes(1, 2) for x in (a, b)]  # as split_heads makes them
    result = getattr(attention, op).forward(*views)
    return [result, str(result.dtype), *views]  # the views, too: they must not be changed


def rule(attention, op, part, grad, output, a, b):
    views = [x.swapaxes(1, 2).copy().swapaxes(1, 2) for x in (grad, output, a, b)]
    gradients = getattr(attention, op).rule(*views)
    return [gradients[part], len(gradients), *views]


@pytest.mark.exercise("12.1")
class TestAttentionScores:
    op = "attention_scores"

    def test_each_query_meets_each_key(self, submission):
        Q = np.array([[[2.0, 0.0], [0.0, 2.0]]])
        K = np.array([[[2.0, 0.0], [1.0, 1.0], [0.0, 3.0]]])
        scores = submission.run(forward, op=self.op, a=Q, b=K)[0]
        submission.expect(scores, [[[4, 2, 0], [0, 2, 6]]])


@pytest.mark.exercise("12.2")
class TestAttentionScoresRule:
    op = "attention_scores"

    def test_each_pair_adds_its_share_to_two_rows(self, submission):
        arrays = {
            "grad": np.array([[[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]]]),
            "output": np.array([[[1.0, 2.0, 0.0], [2.0, 0.0, 6.0]]]),
            "a": np.array([[[1.0, 0.0], [0.0, 2.0]]]),
            "b": np.array([[[1.0, 1.0], [2.0, 0.0], [0.0, 3.0]]]),
        }
        grad_Q, grad_K = (submission.run(rule, op=self.op, part=n, **arrays)[0] for n in (0, 1))
        submission.expect(grad_Q, [[[1, 7], [2, 0]]])
        submission.expect(grad_K, [[[1, 0], [0, 2], [2, 0]]])


def weights_of(attention, scores, mask):
    return attention.attention_weights(attention.Tensor(scores), mask).numpy()


@pytest.mark.exercise("12.3")
class TestAttentionWeights:
    def test_each_query_shares_itself_out_over_the_keys(self, submission):
        scores = np.array([[[1000.0, 1000.0, 0.0], [0.0, np.log(2), 0.0]]])
        weights = submission.run(weights_of, scores=scores, mask=None)
        submission.expect(weights, [[[0.5, 0.5, 0], [0.25, 0.5, 0.25]]])

    def test_a_blocked_key_takes_no_share(self, submission):
        scores, mask = np.log([[[1.0, 2.0, 5.0, 2.0]]]), np.array([[1, 0, 1, 1]])
        weights = submission.run(weights_of, scores=scores, mask=mask)
        submission.expect(weights, [[[1 / 8, 0, 5 / 8, 2 / 8]]])
        assert weights[0, 0, 1] == 0


@pytest.mark.exercise("12.4")
class TestWeightedSum:
    op = "weighted_sum"

    def test_half_of_one_value_and_a_quarter_of_another(self, submission):
        weights = np.array([[[0.5, 0.0, 0.25], [0.0, 1.0, 0.0]]])
        V = np.array([[[2.0, 4.0], [8.0, 8.0], [4.0, 0.0]]])
        output = submission.run(forward, op=self.op, a=weights, b=V)[0]
        submission.expect(output, [[[2, 2], [8, 8]]])


@pytest.mark.exercise("12.5")
class TestWeightedSumRule:
    op = "weighted_sum"

    def test_a_weight_gets_one_dot_product_and_a_value_a_sum(self, submission):
        arrays = {
            "grad": np.array([[[1.0, 0.0], [0.0, 2.0]]]),
            "output": np.array([[[1.0, 7.0], [6.0, 3.0]]]),
            "a": np.array([[[1.0, 0.0, 2.0], [0.0, 3.0, 1.0]]]),
            "b": np.array([[[1.0, 1.0], [2.0, 0.0], [0.0, 3.0]]]),
        }
        found = [submission.run(rule, op=self.op, part=n, **arrays)[0] for n in (0, 1)]
        submission.expect(found[0], [[[1, 2, 0], [2, 0, 6]]])
        submission.expect(found[1], [[[1, 0], [0, 6], [2, 2]]])


def attend(attention, Q, K, V, masks, grad=None):
    leaves = [attention.Tensor(x, requires_grad=True, dtype=x.dtype) for x in (Q, K, V)]
    answers = [attention.scaled_dot_product_attention(*leaves, mask) for mask in masks]
    if grad is not None:
        answers[0][0].backward(grad)
        return [leaf.grad for leaf in leaves]
    return [[output.numpy(), weights.numpy()] for output, weights in answers]


@pytest.mark.exercise("12.6")
class TestScaledDotProductAttention:
    def test_it_looks_at_dog(self, submission):
        Q = np.array([[[2.0, 0, 0, 0]]])
        K = np.array([[[0.0, 0, 0, 1], [2, 0, 0, 0], [0, 2, 0, 0], [1, 0, 1, 0]]])
        V = np.array([[[0.0, 0], [1, 0], [0, 1], [0, 0]]])
        [[output, weights]] = submission.run(attend, Q=Q, K=K, V=V, masks=[None])
        shares = np.exp([0, 2, 0, 1]) / np.exp([0, 2, 0, 1]).sum()
        submission.expect(weights, [[shares]])
        submission.expect(output, [[shares[1:3]]])

    def test_the_first_of_two_words_does_not_see_the_second(self, submission):
        Q, V, mask = np.zeros((1, 2, 3)), np.array([[[2.0, 4], [6, 0]]]), np.array([[1, 0], [1, 1]])
        [[output, weights]] = submission.run(attend, Q=Q, K=Q, V=V, masks=[mask])
        submission.expect(weights, [[[1, 0], [0.5, 0.5]]])
        submission.expect(output, [[[2, 4], [4, 2]]])


def attend_by_matrices(attention, Q, K, V, mask=None, grad=None):
    """Output, weights and gradients; None in their place where Python loops over the words."""
    import sys

    def steps(n):
        count = 0

        def trace(*_):
            nonlocal count
            count += 1
            return trace

        x = attention.Tensor(Q[..., :1, :] + attention.np.zeros((n, 1)))
        sys.settrace(trace)
        attention.vectorized_attention(x, x, x)
        sys.settrace(None)
        return count

    steps(4)
    if steps(64) > steps(4) + 60:
        return None
    leaves = [attention.Tensor(x, requires_grad=True, dtype=x.dtype) for x in (Q, K, V)]
    output, weights = attention.vectorized_attention(*leaves, mask)
    if grad is not None:
        output.backward(grad)
    return [output.numpy(), weights.numpy(), *(leaf.grad for leaf in leaves)]


@pytest.mark.exercise("12.7")
class TestVectorizedAttention:
    def test_three_quarters_of_one_value_and_one_of_the_other(self, submission):
        Q, V = np.array([[[2.0, 0, 0, 0]]]), np.array([[[8.0, 4.0], [4.0, 0.0]]])
        K = np.array([[[np.log(3), 0, 0, 0], [0, 1, 0, 0]]])
        answer = submission.run(attend_by_matrices, Q=Q, K=K, V=V)
        assert answer, "the steps of Python grow with the words: matrix products need no loop"
        output, weights, *_ = answer
        submission.expect(weights, [[[0.75, 0.25]]])
        submission.expect(output, [[[7, 3]]])


def answers(attention, of, cases):
    function, name = of

    def answer(case):
        try:
            return getattr(attention, function)(*case).numpy()
        except ValueError as error:
            return f"{name} is {'' if name in str(error) else 'not '}named"
        except (TypeError, LookupError, AssertionError) as error:
            return type(error).__name__

    return [answer(case) for case in cases]


@pytest.mark.exercise("12.8")
class TestCreateCausalMask:
    of = ("create_causal_mask", "seq_len")

    def test_three_positions(self, submission):
        [mask] = submission.run(answers, cases=[[3]], of=self.of)
        submission.expect(mask, [[1, 0, 0], [1, 1, 0], [1, 1, 1]])


@pytest.mark.exercise("12.9")
class TestCreatePaddingMask:
    of = ("create_padding_mask", "lengths")

    def test_padding_behind_three_sentences(self, submission):
        [mask] = submission.run(answers, cases=[[[3, 1, 0], 4]], of=self.of)
        rows = np.array([[1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
        submission.expect(mask, rows[:, None, None])


def moved(attention, function, x, grad=None, **options):
    x = attention.Tensor(x, requires_grad=True, dtype=x.dtype)
    result = getattr(attention, function)(x, **options)
    if grad is not None:
        result.backward(grad)
    return [result.numpy(), x.grad]


@pytest.mark.exercise("12.10")
class TestSplitHeads:
    def test_a_head_is_a_block_of_columns(self, submission):
        x = np.array([[[0.0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]])
        heads = submission.run(moved, function="split_heads", x=x, num_heads=2)[0]
        first, second = [[0, 1, 2], [6, 7, 8]], [[3, 4, 5], [9, 10, 11]]
        submission.expect(heads, [[first, second]])


@pytest.mark.exercise("12.11")
class TestMergeHeads:
    def test_two_heads_side_by_side(self, submission):
        x = np.array([[[[0.0, 1, 2], [6, 7, 8]], [[3, 4, 5], [9, 10, 11]]]])
        merged = submission.run(moved, function="merge_heads", x=x)[0]
        submission.expect(merged, [[[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]])


@pytest.mark.exercise("12.12")
class TestMultiHeadInit:
    def test_four_layers_and_what_was_passed_in(self, submission):
        def probe(attention):
            made = attention.MultiHeadAttention(6, 3, attention.vectorized_attention)
            default = attention.MultiHeadAttention(6, 3).attention
            kept = made.attention is attention.vectorized_attention
            default_is_kept = default is attention.scaled_dot_product_attention
            shapes = {name: x.shape for name, x in made.named_parameters()}
            return [shapes, made.embed_dim, made.num_heads, kept, default_is_kept]

        shapes, *kept = submission.run(probe)
        layers, parts = ("q_proj", "k_proj", "v_proj", "out_proj"), {"weight": (6, 6), "bias": (6,)}
        assert shapes == {f"{layer}.{part}": parts[part] for layer in layers for part in parts}
        assert kept == [6, 3, True, True]


def attend_tenfold(attention, words, mask):
    calls = []

    def tenfold(Q, K, V, mask=None):
        calls.append([*(x.numpy() for x in (Q, K, V)), attention.np.asarray(mask)])
        return V * 10, Q - 1

    layer = attention.MultiHeadAttention(4, 2, tenfold)
    for number, name in enumerate(("q_proj", "k_proj", "v_proj", "out_proj"), 1):
        getattr(layer, name).weight.data = attention.np.eye(4)
        getattr(layer, name).bias.data = attention.np.full(4, float(number))
    given = (attention.Tensor(x) for x in (words, -words, 2 * words))
    output, weights = layer.attend(*given, mask)
    return [calls, output.numpy(), weights.numpy()]


@pytest.mark.exercise("12.13")
class TestMultiHeadAttend:
    words = np.array([[[0.0, 1, 2, 3], [4, 5, 6, 7]]])
    heads = np.array([[[[0, 1], [4, 5]], [[2, 3], [6, 7]]]])
    mask = np.array([[1, 0], [1, 1]])

    def test_words_are_projected_and_split_and_attend_once(self, submission):
        calls, *_ = submission.run(attend_tenfold, words=self.words, mask=self.mask)
        assert len(calls) == 1, f"self.attention was called {len(calls)} times, not once"
        submission.expect(calls[0][0], self.heads + 1)
        submission.expect(calls[0][1], -self.heads + 2)
        submission.expect(calls[0][2], 2 * self.heads + 3)

    def test_the_mask_is_handed_on_and_the_heads_are_merged_and_projected(self, submission):
        calls, output, weights = submission.run(attend_tenfold, words=self.words, mask=self.mask)
        submission.expect(calls[0][3], self.mask)
        submission.expect(output, 10 * (2 * self.words + 3) + 4)
        submission.expect(weights, self.heads)


def test_passes_in_the_notebook(submission, exercise):
    submission.pass_own_test()
