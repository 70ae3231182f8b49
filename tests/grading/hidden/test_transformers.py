"""Hidden checks of module 13: inputs are drawn anew for each batch of submissions."""

import numpy as np
import pytest

from tests.grading.test_transformers import (
    angle_tables,
    are_sampled,
    is_read,
    is_written,
    of_silu,
    op_slopes,
    op_values,
    read,
    sampled,
    through_block,
    widened,
    written,
)

SHAPES = [(5,), (3, 7), (2, 3, 5)]


def norm_cases(rng, count, with_grad):
    """x, weight and, of three, bias; before them a gradient; with eps given and not."""
    cases = []
    for shape in SHAPES:
        arrays = [rng.normal(1, 2, size=shape)]
        arrays += [rng.normal(size=shape[-1]) for _ in range(count - 1)]
        first = [rng.normal(size=shape)] if with_grad else []
        cases += [[[*first, *arrays], {}], [[*first, *arrays], {"eps": float(rng.uniform(0.3, 2))}]]
    if not with_grad:
        cases.append([[np.float32(x) for x in cases[2][0]], {}])
    return cases


@pytest.mark.exercise("13.1")
class TestLayerNorm:
    @pytest.mark.points(1)
    def test_shapes_dtypes_and_eps(self, submission, rng):
        submission.check(op_values, name="layer_norm", cases=norm_cases(rng, 3, False))
        far = [rng.normal(1e7, 2, size=(3, 5)), rng.normal(size=5), rng.normal(size=5)]
        submission.check(op_values, name="layer_norm", cases=[[far, {}]])


@pytest.mark.exercise("13.2")
class TestLayerNormRule:
    @pytest.mark.points(1)
    def test_shapes_and_eps(self, submission, rng):
        submission.check(op_slopes, name="layer_norm", cases=norm_cases(rng, 3, True))
        grad, x = rng.normal(size=(3, 5)), rng.normal(1e7, 2, size=(3, 5))
        case = [[grad, x, rng.normal(size=5), rng.normal(size=5)], {}]
        submission.check(op_slopes, name="layer_norm", cases=[case])


@pytest.mark.exercise("13.3")
class TestRMSNorm:
    @pytest.mark.points(0.5)
    def test_shapes_dtypes_and_eps(self, submission, rng):
        submission.check(op_values, name="rms_norm", cases=norm_cases(rng, 2, False))

    @pytest.mark.points(0.5)
    def test_the_rule(self, submission, rng):
        submission.check(op_slopes, name="rms_norm", cases=norm_cases(rng, 2, True))


@pytest.mark.exercise("13.4")
class TestRotaryAngles:
    @pytest.mark.points(0.5)
    def test_sizes_bases_and_starts(self, submission, rng):
        sizes = [[int(rng.integers(2, 9)), 2 * int(rng.integers(2, 6))] for _ in range(3)]
        options = [{}, {"base": float(rng.uniform(50, 500))}, {"start": int(rng.integers(3, 30))}]
        cases = [[size, option] for size in sizes for option in options]
        submission.check(angle_tables, cases=cases)
        odd = 2 * int(rng.integers(2, 9)) + 1
        [wrong] = submission.run(angle_tables, cases=[[[3, odd], {}]])
        assert wrong[0] == "ValueError", "an odd head_dim is taken"
        assert str(odd) in wrong[1], "the message does not show it"


@pytest.mark.exercise("13.5")
class TestRotary:
    @pytest.mark.points(1)
    def test_values_and_rule(self, submission, rng):
        cases = []
        for shape in ((5, 6), (3, 5, 2), (2, 3, 5, 8)):
            angles = rng.uniform(-3, 3, size=(5, shape[-1] // 2))
            cases.append([[rng.normal(size=shape)], {"angles": angles}])
        narrow = [[np.float32(cases[0][0][0])], cases[0][1]]
        submission.check(op_values, name="rotary", cases=[*cases, narrow])
        slopes = [[[rng.normal(size=x.shape), x], options] for [x], options in cases]
        submission.check(op_slopes, name="rotary", cases=slopes)


def wide(submission, rng, kind, parts):
    for bias in (True, False):
        dim, hidden = int(rng.integers(2, 5)), int(rng.integers(5, 8))
        given = {"kind": kind, "sizes": [dim, hidden], "bias": bias, "seed": int(rng.integers(99))}
        for shape in ((dim,), (2, 3, dim)):
            submission.check(widened, x=rng.normal(size=shape), weights={}, **given)
        weights = {f"{part}.weight": rng.normal(size=(dim, hidden)) for part in parts}
        submission.check(widened, x=rng.normal(size=(2, dim)), weights=weights, **given)


@pytest.mark.exercise("13.6")
class TestFeedForward:
    @pytest.mark.points(1)
    def test_other_sizes(self, submission, rng):
        wide(submission, rng, "FeedForward", ["up_proj"])

        def usual(transformers, x):
            import numpy as np

            from tinytorch.core.tensor import Tensor

            layer = transformers.FeedForward(3, 5, rng=np.random.default_rng(1))
            return np.array(layer(Tensor(x)).data)

        submission.check(usual, x=rng.normal(size=(2, 3)))


@pytest.mark.exercise("13.7")
class TestSwiGLU:
    @pytest.mark.points(1)
    def test_other_sizes_and_silu(self, submission, rng):
        wide(submission, rng, "SwiGLU", ["gate_proj", "up_proj"])
        submission.check(of_silu, x=np.append(rng.normal(size=5), [1000.0, -1000.0]))


def drawn_block(rng):
    n, m, dim = (int(size) for size in rng.permutation([2, 3, 5]))
    return {
        "x": rng.normal(size=(2, n, dim)), "memory": rng.normal(size=(2, m, dim)),
        "masks": [rng.integers(0, 2, size=(n, n)), rng.integers(0, 2, size=(n, m))],
        "lines": rng.uniform(0.2, 0.9, size=(3, 2)).tolist(),
        "factors": rng.uniform(0.2, 0.9, size=3).tolist(),
    }  # fmt: skip


@pytest.mark.exercise("13.8")
class TestBlock:
    @pytest.mark.points(1)
    def test_other_numbers(self, submission, rng):
        for _ in range(2):
            submission.check(through_block, kind="Block", **drawn_block(rng))
        given = drawn_block(rng) | {"masks": [None, None]}
        submission.check(through_block, kind="Block", **given)


@pytest.mark.exercise("13.9")
class TestEncoderBlock:
    @pytest.mark.points(1)
    def test_other_numbers(self, submission, rng):
        for _ in range(2):
            submission.check(through_block, kind="EncoderBlock", **drawn_block(rng))
        given = drawn_block(rng) | {"masks": [None, None]}
        submission.check(through_block, kind="EncoderBlock", **given)


@pytest.mark.exercise("13.10")
class TestCrossAttentionBlock:
    @pytest.mark.points(1)
    def test_other_numbers(self, submission, rng):
        for _ in range(2):
            submission.check(through_block, kind="CrossAttentionBlock", **drawn_block(rng))
        given = drawn_block(rng)
        own, others = given["masks"]
        for masks in ([None, None], [own, None], [None, others]):
            given["masks"] = masks
            submission.check(through_block, kind="CrossAttentionBlock", **given)


@pytest.mark.exercise("13.11")
class TestGPT:
    @pytest.mark.points(1.5)
    def test_three_kinds_of_positions(self, submission, rng):
        for positions in ("learned", "sinusoidal", "rotary"):
            size, n = int(rng.integers(5, 9)), int(rng.integers(3, 6))
            given = {"positions": positions, "table": rng.normal(size=(size, 4))}
            given |= {"places": rng.normal(size=(n + 1, 4)), "ids": rng.integers(0, size, (2, n))}
            given["lines"] = rng.uniform(0.3, 1.5, size=(int(rng.integers(4, 7)), 2)).tolist()
            is_read(submission.run(read, **given), **given)

    @pytest.mark.points(0.5)
    def test_the_head_learns(self, submission, rng):
        def learned(transformers, ids):
            import numpy as np

            from tinytorch.core.attention import vectorized_attention

            config = transformers.GPTConfig(
                9, context_len=8, num_layers=1, num_heads=1, embed_dim=4
            )
            model = transformers.GPT(config, vectorized_attention, rng=np.random.default_rng(1))
            model.blocks = [lambda x, mask: x * 0.5]
            logits = model(ids)
            (logits * np.cos(np.arange(logits.data.size)).reshape(logits.shape)).sum().backward()
            return [np.array(model.tokens.weight.grad), np.array(logits.data)]

        ids = rng.integers(0, 7, size=(2, 6))
        submission.check(learned, ids=ids)


@pytest.mark.exercise("13.12")
class TestSampleToken:
    @pytest.mark.points(1)
    def test_shares_with_every_option(self, submission, rng):
        logits = rng.permutation([0.0, 0.7, 1.3, 1.8, 2.2])
        warm, cold = float(rng.uniform(2, 4)), float(rng.uniform(0.3, 0.7))
        for options in (
            {}, {"temperature": warm}, {"temperature": cold}, {"top_k": 2}, {"top_k": 4},
            {"top_p": 0.55}, {"top_p": 0.2}, {"top_k": 4, "top_p": 0.7},
            {"temperature": warm, "top_p": 0.65},
        ):  # fmt: skip
            given = {"logits": logits, "options": options, "draws": 2000}
            are_sampled(submission.run(sampled, seed=int(rng.integers(99)), **given), **given)
        given = {"logits": logits + 3000, "options": {}, "draws": 2000}
        are_sampled(submission.run(sampled, seed=1, **given), **given)

        logits = np.append(np.full(5, rng.normal()), -9.0)
        for options, kept in (({"top_k": 2}, 2), ({"top_p": 0.5}, 3)):  # of 5 shares of a fifth
            given = {"logits": logits, "options": options, "draws": 200}
            shares = submission.run(sampled, seed=1, **given)[0]
            came = np.count_nonzero(shares)
            assert came == kept, f"{options}, five equal logits: {came} tokens come, not {kept}"

    @pytest.mark.points(0.5)
    def test_the_largest_and_the_seed(self, submission, rng):
        logits, seed = rng.normal(size=9), int(rng.integers(99))
        given = {"logits": logits, "options": {"temperature": 0}, "draws": 5}
        shares, kinds, _ = submission.run(sampled, seed=seed, **given)
        assert shares[logits.argmax()] == 1 and kinds == ["int"], "not the largest, as an int"
        given |= {"options": {}, "draws": 30}
        texts = [submission.run(sampled, seed=seed, **given)[2] for _ in range(2)]
        assert texts[0] == texts[1], "the same seed gives other tokens"


@pytest.mark.exercise("13.13")
class TestGenerate:
    @pytest.mark.points(1)
    def test_longer_texts(self, submission, rng):
        for count in (1, 5, 12):
            options = {"temperature": float(rng.uniform(0.5, 2)), "top_k": int(rng.integers(1, 9))}
            options["top_p"] = float(rng.uniform(0.2, 0.9))
            ids = rng.integers(0, 9, size=int(rng.integers(1, 12))).tolist()
            given = {"ids": ids, "count": count, "context_len": int(rng.integers(3, 7))}
            given |= {"options": options, "as_array": count == 5}
            is_written(submission.run(written, **given), **given)
