"""Checks of module 12 for grading, public and hidden ones side by side.

A public check says what it expects, so that a learner can run it without the reference; a hidden
one compares with the reference on inputs that are drawn anew for each batch of submissions.
"""

import numpy as np
import pytest

SCORES = ("attention_scores", (2, 3, 5, 7), (2, 3, 11, 7), "bhic,bhjc->bhij")
SUMS = ("weighted_sum", (2, 3, 5, 11), (2, 3, 11, 7), "bhij,bhjc->bhic")


def forward(attention, op, a, b):
    views = [x.swapaxes(1, 2).copy().swapaxes(1, 2) for x in (a, b)]  # as split_heads makes them
    result = getattr(attention, op).forward(*views)
    return [result, str(result.dtype), *views]  # the views, too: they must not be changed


def rule(attention, op, part, grad, output, a, b):
    views = [x.swapaxes(1, 2).copy().swapaxes(1, 2) for x in (grad, output, a, b)]
    gradients = getattr(attention, op).rule(*views)
    return [gradients[part], len(gradients), *views]


def check_rule(submission, rng, part, op, a, b, subscripts):
    a, b = rng.normal(size=a), rng.normal(size=b)
    output = np.einsum(subscripts, a, b)
    arrays = {"grad": rng.normal(size=output.shape), "output": output, "a": a, "b": b}
    submission.check(rule, op=op, part=part, **arrays)


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

    def test_each_query_meets_each_key(self, submission):
        Q = np.array([[[2.0, 0.0], [0.0, 2.0]]])
        K = np.array([[[2.0, 0.0], [1.0, 1.0], [0.0, 3.0]]])
        scores = submission.run(forward, op=self.op, a=Q, b=K)[0]
        submission.expect(scores, [[[4, 2, 0], [0, 2, 6]]])

    @pytest.mark.hidden
    def test_batch_and_heads_have_their_own_scores(self, submission, rng):
        Q, K = rng.normal(size=(2, 3, 5, 7)), rng.normal(size=(2, 3, 11, 7))
        submission.check(forward, op=self.op, a=Q, b=K)

    @pytest.mark.hidden
    def test_the_dtype_is_kept_and_so_are_the_inputs(self, submission, rng):
        Q, K = rng.normal(size=(2, 2, 3, 5, 7)).astype(np.float32)
        submission.check(forward, atol=1e-5, op=self.op, a=Q, b=K)


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

    @pytest.mark.hidden
    def test_the_gradient_of_the_queries_of_many_heads(self, submission, rng):
        check_rule(submission, rng, 0, *SCORES)

    @pytest.mark.hidden
    def test_the_gradient_of_the_keys_of_many_heads(self, submission, rng):
        check_rule(submission, rng, 1, *SCORES)


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

    @pytest.mark.hidden
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

    @pytest.mark.hidden
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

    def test_half_of_one_value_and_a_quarter_of_another(self, submission):
        weights = np.array([[[0.5, 0.0, 0.25], [0.0, 1.0, 0.0]]])
        V = np.array([[[2.0, 4.0], [8.0, 8.0], [4.0, 0.0]]])
        output = submission.run(forward, op=self.op, a=weights, b=V)[0]
        submission.expect(output, [[[2, 2], [8, 8]]])

    @pytest.mark.hidden
    def test_batch_and_heads_have_their_own_sums(self, submission, rng):
        weights, V = rng.random((2, 3, 5, 11)), rng.normal(size=(2, 3, 11, 7))
        submission.check(forward, op=self.op, a=weights, b=V)

    @pytest.mark.hidden
    def test_the_dtype_is_kept_and_so_are_the_inputs(self, submission, rng):
        weights, V = rng.normal(size=(2, 2, 3, 5, 5)).astype(np.float32)
        submission.check(forward, atol=1e-5, op=self.op, a=weights, b=V)


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

    @pytest.mark.hidden
    def test_the_gradient_of_the_weights_of_many_heads(self, submission, rng):
        check_rule(submission, rng, 0, *SUMS)

    @pytest.mark.hidden
    def test_the_gradient_of_the_values_of_many_heads(self, submission, rng):
        check_rule(submission, rng, 1, *SUMS)


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

    @pytest.mark.hidden
    def test_other_sizes_heads_and_masks(self, submission, rng):
        Q, K, V = (rng.normal(size=(2, 3, *size)) for size in ((5, 7), (11, 7), (11, 13)))
        submission.check(attend, Q=Q, K=K, V=V, masks=[None, *drawn_masks(rng, 5, 11)])

    @pytest.mark.hidden
    def test_gradients_reach_queries_keys_and_values(self, submission, rng):
        Q, K, V, grad = (rng.normal(size=(2, *size)) for size in ((5, 3), (7, 3), (7, 11), (5, 11)))
        submission.check(attend, Q=Q, K=K, V=V, masks=[drawn_masks(rng, 5, 7)[1]], grad=grad)

    @pytest.mark.hidden
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

    @pytest.mark.hidden
    def test_heads_a_mask_and_gradients(self, submission, rng):
        Q, K, V = (rng.normal(size=(2, 3, *size)) for size in ((5, 7), (11, 7), (11, 13)))
        arrays = {"mask": drawn_masks(rng, 5, 11)[1], "grad": rng.normal(size=(2, 3, 5, 13))}
        submission.check(attend_by_matrices, Q=Q, K=K, V=V, **arrays)


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

    @pytest.mark.hidden
    def test_other_lengths_and_what_is_no_length(self, submission, rng):
        cases = [[int(rng.integers(6, 13))], [1], [0], [-1], [2.5]]
        submission.check(answers, cases=cases, of=self.of)


@pytest.mark.exercise("12.9")
class TestCreatePaddingMask:
    of = ("create_padding_mask", "lengths")

    def test_padding_behind_three_sentences(self, submission):
        [mask] = submission.run(answers, cases=[[[3, 1, 0], 4]], of=self.of)
        rows = np.array([[1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
        submission.expect(mask, rows[:, None, None])

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_lengths_of_every_kind(self, submission, rng):
        def probe(attention, lengths):
            kinds = (lengths, attention.Tensor(lengths), lengths.tolist())
            return [attention.create_padding_mask(kind, 7).numpy() for kind in kinds]

        submission.check(probe, lengths=np.array([7, 0, *rng.integers(0, 8, size=3)]))

    @pytest.mark.hidden
    @pytest.mark.points(0.5)
    def test_what_are_no_lengths(self, submission, rng):
        n = int(rng.integers(3, 8))
        lengths = [[1, n], [2, n + 1], [n, -1], [1.5, 2.0], 3, [[1, 2]]]
        submission.check(answers, cases=[[case, n] for case in lengths], of=self.of)


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

    @pytest.mark.hidden
    def test_other_sizes_and_the_gradient(self, submission, rng):
        x, grad = rng.normal(size=(2, 7, 15)), rng.normal(size=(2, 3, 7, 5))
        submission.check(moved, function="split_heads", x=x, grad=grad, num_heads=3)


@pytest.mark.exercise("12.11")
class TestMergeHeads:
    def test_two_heads_side_by_side(self, submission):
        x = np.array([[[[0.0, 1, 2], [6, 7, 8]], [[3, 4, 5], [9, 10, 11]]]])
        merged = submission.run(moved, function="merge_heads", x=x)[0]
        submission.expect(merged, [[[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]])

    @pytest.mark.hidden
    def test_other_sizes_and_the_gradient(self, submission, rng):
        x, grad = rng.normal(size=(2, 3, 7, 5)), rng.normal(size=(2, 7, 15))
        submission.check(moved, function="merge_heads", x=x, grad=grad)


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

    @pytest.mark.hidden
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

    @pytest.mark.hidden
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

    @pytest.mark.hidden
    @pytest.mark.points(2)
    def test_another_attention_and_other_words_to_look_at(self, submission, rng):
        submission.check(attend_with_heads, **drawn_words(rng))

    @pytest.mark.hidden
    def test_gradients_reach_words_and_parameters(self, submission, rng):
        words = drawn_words(rng)
        submission.check(attend_with_heads, **words, grad=rng.normal(size=(2, 7, 15)))
