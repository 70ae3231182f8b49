"""Public checks of module 13: each says what it expects, and runs without the reference."""

import math

import numpy as np
import pytest


def expect(what, got, values, rtol=1e-5):
    assert np.shape(got) == np.shape(values), f"{what} has the shape {np.shape(got)}"
    assert np.allclose(got, values, rtol=rtol, atol=1e-6), f"{what}: {np.asarray(got).tolist()}"


def op_values(transformers, name, cases):
    """What an op makes of arrays, and in which dtype; its inputs must stay."""
    import numpy as np

    operation, answers = getattr(transformers, name), []
    for arrays, options in cases:
        given = [np.array(x) for x in arrays]
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            output = operation.forward(*given, **options)
        same = all(np.array_equal(x, y) for x, y in zip(given, arrays, strict=True))
        answers.append([str(np.asarray(output).dtype), np.asarray(output).astype(float), same])
    return answers


def op_slopes(transformers, name, cases):
    """What a rule makes of a gradient and arrays."""
    import numpy as np

    operation, answers = getattr(transformers, name), []
    for (grad, *arrays), options in cases:
        given = [np.array(x) for x in (grad, *arrays)]
        output = np.full(grad.shape, np.nan)  # of another exercise: not needed here
        gradients = operation.rule(given[0], output, *given[1:], **options)
        same = all(np.array_equal(x, y) for x, y in zip(given, (grad, *arrays), strict=True))
        found = [np.asarray(x).astype(float) for x in gradients]
        answers.append([type(gradients).__name__, found, same])
    return answers


ROW = np.array([[1.0, 3.0]])  # mean 2, variance 1


@pytest.mark.exercise("13.1")
class TestLayerNorm:
    @pytest.mark.points(0.5)
    def test_a_row_of_two(self, submission):
        case = [[ROW, np.array([2.0, 10.0]), np.array([0.5, 1.0])], {"eps": 3.0}]
        [[dtype, found, same]] = submission.run(op_values, name="layer_norm", cases=[case])
        expect("layer_norm", found, [[-0.5, 6.0]])
        assert dtype == "float64" and same, "an input was changed, or the dtype is another"
        case[0][0] = ROW + 1e8
        [[_, found, _]] = submission.run(op_values, name="layer_norm", cases=[case])
        expect("layer_norm of numbers near 1e8", found, [[-0.5, 6.0]])


@pytest.mark.exercise("13.2")
class TestLayerNormRule:
    @pytest.mark.points(0.5)
    def test_a_row_of_two(self, submission):
        case = [[np.array([[4.0, 8.0]]), ROW, np.ones(2), np.zeros(2)], {"eps": 3.0}]
        [[kind, found, _]] = submission.run(op_slopes, name="layer_norm", cases=[case])
        assert (kind, len(found)) == ("tuple", 3), "three gradients are wanted"
        expect("the gradient of x", found[0], [[-0.75, 0.75]])
        expect("the gradient of weight", found[1], [-2.0, 4.0])
        expect("the gradient of bias", found[2], [4.0, 8.0])
        case[0][1] = ROW + 1e8
        [[_, found, _]] = submission.run(op_slopes, name="layer_norm", cases=[case])
        expect("the gradient of x near 1e8", found[0], [[-0.75, 0.75]])


@pytest.mark.exercise("13.3")
class TestRMSNorm:
    @pytest.mark.points(0.5)
    def test_a_row_of_two(self, submission):
        x, weight = np.array([[1.0, 7.0]]), np.array([2.0, 10.0])
        case = [[x, weight], {"eps": 0.0}]
        [[_, found, same]] = submission.run(op_values, name="rms_norm", cases=[case])
        expect("rms_norm", found, [[0.4, 14.0]])
        case = [[np.array([[5.0, 10.0]]), x, np.ones(2)], {"eps": 0.0}]
        [[kind, slopes, _]] = submission.run(op_slopes, name="rms_norm", cases=[case])
        assert (kind, len(slopes), same) == ("tuple", 2, True)
        expect("the gradient of x", slopes[0], [[0.7, -0.1]])
        expect("the gradient of weight", slopes[1], [1.0, 14.0])


def angle_tables(transformers, cases):
    def answer(given, options):
        try:
            return transformers.rotary_angles(*given, **options)
        except ValueError as error:
            return ["ValueError", str(error)]

    return [answer(*case) for case in cases]


@pytest.mark.exercise("13.4")
class TestRotaryAngles:
    @pytest.mark.points(0.5)
    def test_three_positions_of_two_pairs(self, submission):
        cases = [[[3, 4], {"base": 100.0, "start": 1}], [[3, 5], {}]]
        found, wrong = submission.run(angle_tables, cases=cases)
        expect("the angles", found, [[1, 0.1], [2, 0.2], [3, 0.3]])
        assert wrong[0] == "ValueError" and "head_dim" in wrong[1], "an odd head_dim is taken"


@pytest.mark.exercise("13.5")
class TestRotary:
    @pytest.mark.points(0.5)
    def test_a_quarter_turn(self, submission):
        options = {"angles": np.array([[math.pi / 2, 0.0]])}
        x = np.array([[1.0, 2.0, 3.0, 4.0]])
        [[_, found, same]] = submission.run(op_values, name="rotary", cases=[[[x], options]])
        expect("rotary", found, [[-3, 2, 1, 4]])
        [[kind, slopes, _]] = submission.run(op_slopes, name="rotary", cases=[[[x, x], options]])
        assert (kind, len(slopes), same) == ("tuple", 1, True)
        expect("the rule", slopes[0], [[3, 2, -1, 4]])


def widened(transformers, kind, sizes, x, weights, bias, seed):
    """A feed-forward layer: names and first numbers, its values with other weights, a gradient."""
    import numpy as np

    from tinytorch.core.tensor import Tensor

    given = [lambda x: x * x] if kind == "FeedForward" else []
    rng = np.random.default_rng(seed)
    layer = getattr(transformers, kind)(*sizes, *given, bias=bias, rng=rng)
    begun = {name: array for name, array in sorted(layer.state_dict().items())}
    named = dict(layer.named_parameters())
    for name, array in weights.items():
        named[name].data = np.array(array, "f4")
    tensor = Tensor(x, requires_grad=True, dtype=np.float64)
    output = layer(tensor)
    output.sum().backward()
    return [list(begun), list(begun.values()), np.array(output.data), np.array(tensor.grad)]


@pytest.mark.exercise("13.6")
class TestFeedForward:
    @pytest.mark.points(0.5)
    def test_the_square_as_activation(self, submission):
        weights = {"up_proj.weight": [[1.0, 2.0]], "down_proj.weight": [[1.0], [10.0]]}
        names, _, found, slope = submission.run(
            widened, kind="FeedForward", sizes=[1, 2], x=np.array([[3.0]]), bias=False, seed=1,
            weights=weights,
        )  # fmt: skip
        assert names == ["down_proj.weight", "up_proj.weight"], f"its parameters are {names}"
        expect("the output", found, [[369.0]])
        expect("the gradient of x", slope, [[246.0]])


def of_silu(transformers, x):
    import numpy as np

    from tinytorch.core.tensor import Tensor

    tensor = Tensor(x, requires_grad=True, dtype=np.float64)
    with np.errstate(over="raise", invalid="raise"):
        output = transformers.silu(tensor)
    output.sum().backward()
    return [np.array(output.data), np.array(tensor.grad)]


@pytest.mark.exercise("13.7")
class TestSwiGLU:
    @pytest.mark.points(0.5)
    def test_a_gate_of_three_quarters(self, submission):
        z = math.log(3)
        weights = {
            "gate_proj.weight": [[z]],
            "up_proj.weight": [[2.0]],
            "down_proj.weight": [[5.0]],
        }
        names, _, found, _ = submission.run(
            widened, kind="SwiGLU", sizes=[1, 1], x=np.array([[1.0]]), bias=False, seed=1,
            weights=weights,
        )  # fmt: skip
        assert names == ["down_proj.weight", "gate_proj.weight", "up_proj.weight"]
        expect("the output", found, [[10 * z * 3 / 4]])
        expect("silu", submission.run(of_silu, x=np.array([z, 0.0]))[0], [z * 3 / 4, 0])


def through_block(transformers, kind, x, memory, masks, lines, factors):
    """A block whose parts are straight lines and a simple way to look; values and gradients.

    `lines`: factor and shift of norm1, norm2, norm3; `factors`: of dropout and of each look.
    """
    import numpy as np

    from tinytorch.core.attention import vectorized_attention
    from tinytorch.core.layers import Layer
    from tinytorch.core.tensor import Tensor

    class Line(Layer):
        def __init__(self, factor, shift=0.0):
            self.numbers = (factor, shift)

        def forward(self, x):
            return x * self.numbers[0] + self.numbers[1]

    class Square(Layer):
        def forward(self, x):
            return x * x

    class Looks(Layer):
        def __init__(self, factor):
            self.factor, self.masks = factor, []

        def attend(self, query, key, value, mask=None):
            self.masks.append(mask)
            keys, values = (each.mean(dim=1, keepdims=True) for each in (key, value))
            return query * self.factor + keys * values, None

        def forward(self, x, mask=None):
            return self.attend(x, x, x, mask)[0]

    block = getattr(transformers, kind)(x.shape[-1], 1, Square(), attention=vectorized_attention)
    for name, line in zip(("norm1", "norm2", "norm3"), lines, strict=True):
        setattr(block, name, Line(*line))
    block.dropout, block.attention = Line(factors[0]), Looks(factors[1])
    given = [Tensor(x, requires_grad=True, dtype=np.float64)]
    handed = [None if mask is None else np.array(mask) for mask in masks]
    if kind == "CrossAttentionBlock":
        block.cross_attention = Looks(factors[2])
        given.append(Tensor(memory, requires_grad=True, dtype=np.float64))
        output = block(*given, *handed)
        seen = [block.attention.masks, block.cross_attention.masks]
    else:
        output = block(*given, handed[0])
        seen = [block.attention.masks]
    kept = [len(one) == 1 and one[0] is mask for one, mask in zip(seen, handed, strict=False)]
    output.backward(np.cos(np.arange(output.data.size)).reshape(output.shape))
    return [np.array(output.data), [np.array(each.grad) for each in given], kept]


PLAIN = {
    "x": np.array([[[1.0, 2.0]]]),
    "memory": np.array([[[3.0, 1.0]]]),
    "masks": [np.ones((1, 1))] * 2,
    "lines": [[2.0, 1.0], [0.5, -1.0], [1.0, 2.0]],
    "factors": [0.5, 3.0, 2.0],
}


@pytest.mark.exercise("13.8")
class TestBlock:
    @pytest.mark.points(0.5)
    def test_one_word(self, submission):
        found, _, kept = submission.run(through_block, kind="Block", **PLAIN)
        x = np.array([1 + 0.5 * (3 * 3 + 9), 2 + 0.5 * (3 * 5 + 25)])
        expect("the output", found, [[x + 0.5 * (0.5 * x - 1) ** 2]])
        assert kept == [True], "the mask is not handed on as it is"


@pytest.mark.exercise("13.9")
class TestEncoderBlock:
    @pytest.mark.points(0.5)
    def test_one_word(self, submission):
        found, _, kept = submission.run(through_block, kind="EncoderBlock", **PLAIN)
        x = 2 * np.array([1 + 0.5 * (3 + 1), 2 + 0.5 * (6 + 4)]) + 1
        expect("the output", found, [[0.5 * (x + 0.5 * x**2) - 1]])
        assert kept == [True], "the mask is not handed on as it is"


@pytest.mark.exercise("13.10")
class TestCrossAttentionBlock:
    @pytest.mark.points(0.5)
    def test_one_word_and_another(self, submission):
        found, _, kept = submission.run(through_block, kind="CrossAttentionBlock", **PLAIN)
        x = np.array([1 + 0.5 * (3 * 3 + 9), 2 + 0.5 * (3 * 5 + 25)])
        x = x + 0.5 * (2 * (0.5 * x - 1) + np.array([9.0, 1.0]))
        expect("the output", found, [[x + 0.5 * (x + 2) ** 2]])
        assert kept == [True, True], "a mask is not handed on as it is"


def read(transformers, positions, table, places, ids, lines):
    """Logits of a GPT whose dropout, blocks and norm are straight lines; its masks; an error."""
    import numpy as np

    from tinytorch.core.attention import vectorized_attention
    from tinytorch.core.layers import Layer

    class Line(Layer):
        def __init__(self, factor, shift):
            self.numbers, self.masks = (factor, shift), []

        def forward(self, x, mask=None):
            self.masks.append(mask)
            return x * self.numbers[0] + self.numbers[1]

    size, dim = table.shape
    config = transformers.GPTConfig(
        size, context_len=len(places), num_layers=len(lines) - 2, num_heads=1, embed_dim=dim,
        positions=positions,
    )  # fmt: skip
    model = transformers.GPT(config, vectorized_attention)
    model.tokens.weight.data = np.array(table, "f4")
    if positions == "learned":
        model.positions.weight.data = np.array(places, "f4")
    model.dropout, *model.blocks, model.norm = (Line(*line) for line in lines)
    logits = model(ids)
    logits.sum().backward()
    grad = np.array(model.tokens.weight.grad)
    masks = []
    for block in model.blocks:
        [mask] = block.masks
        numbers = np.asarray(getattr(mask, "data", mask), float)
        masks.append(None if mask is None else numbers.reshape(-1, *numbers.shape[-2:]))
    try:
        model(np.zeros((1, len(places) + 1), int))
        told = "taken"
    except ValueError as error:
        told = str(error)
    return [np.array(logits.data), masks, told, grad]


def is_read(found, positions, table, places, ids, lines):
    logits, masks, told, _ = found
    n = ids.shape[1]
    x = table[ids] + (places[:n] if positions == "learned" else 0)
    if positions == "sinusoidal":
        t, c = np.arange(n)[:, None], np.arange(table.shape[1])
        x = x + np.sin(t / 10000 ** ((c - c % 2) / len(c)) + np.pi / 2 * (c % 2))
    for factor, shift in lines:
        x = x * factor + shift
    expect("the logits", logits, x @ table.T, 1e-4)
    for mask in masks:
        assert mask is not None and all(np.array_equal(one != 0, np.tri(n) != 0) for one in mask)
    assert "context_len" in told, f"more ids than context_len: {told}"


@pytest.mark.exercise("13.11")
class TestGPT:
    @pytest.mark.points(0.5)
    def test_three_ids(self, submission):
        given = {"positions": "learned", "table": np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])}
        given |= {"places": np.array([[0.5, 0.0], [0.0, 0.5], [1.0, 1.0], [2.0, 2.0]])}
        given |= {"ids": np.array([[2, 0, 1]]), "lines": [[0.5, 0], [2, 1], [3, 0], [1, 0.25]]}
        is_read(submission.run(read, **given), **given)


def sampled(transformers, logits, options, draws, seed):
    """How often each token comes, and of which types they are."""
    import numpy as np

    rng, given = np.random.default_rng(seed), np.array(logits)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        found = [transformers.sample_token(given, rng=rng, **options) for _ in range(draws)]
    assert np.array_equal(given, logits), "logits were changed"
    counts = np.bincount(np.array(found, int), minlength=len(logits))
    return [counts / draws, sorted({type(token).__name__ for token in found}), found[:20]]


def shares_of(logits, temperature=1.0, top_k=None, top_p=None):
    z = (logits - logits.max()) / temperature
    order = np.argsort(-z, kind="stable")[:top_k]
    shares = np.exp(z[order]) / np.exp(z[order]).sum()
    if top_p is not None:
        before = np.cumsum(shares) - shares
        shares = np.where(before < top_p, shares, 0)
    right = np.zeros(len(logits))
    right[order] = shares / shares.sum()
    return right


def are_sampled(found, logits, options, draws):
    shares, kinds, _ = found
    assert kinds == ["int"], f"ints are wanted; it gives {kinds}"
    right = shares_of(logits, **options)
    assert np.array_equal(shares > 0, right > 0), f"tokens {np.flatnonzero(shares)} come"
    far = np.abs(shares - right).max()
    assert far < 0.06, f"of {draws} draws the shares are {shares.round(2).tolist()}"


@pytest.mark.exercise("13.12")
class TestSampleToken:
    @pytest.mark.points(0.5)
    def test_the_two_largest(self, submission):
        logits = np.array([0.0, math.log(3), -50.0])
        given = {"logits": logits, "options": {"top_k": 2}, "draws": 2000}
        are_sampled(submission.run(sampled, seed=1, **given), **given)
        given["options"] = {"temperature": 0}
        assert submission.run(sampled, seed=1, **given)[0][1] == 1, "temperature 0: the largest"


def written(transformers, ids, count, context_len, options, as_array=False):
    """New ids of a model whose next id follows from what it sees, and how it was called."""
    from types import SimpleNamespace

    import numpy as np

    from tinytorch.core.layers import Layer
    from tinytorch.core.tensor import Op, Tensor

    class Fake(Layer):
        def __init__(self):
            self.config = SimpleNamespace(context_len=context_len)
            self.weight, self.seen = Tensor(1.0, requires_grad=True), []

        def forward(self, ids):
            ids = np.asarray(getattr(ids, "data", ids))
            logits = np.zeros((1, ids.shape[1], 11))
            logits[0, :, 10] = 9
            logits[0, -1] = 0
            logits[0, -1, (3 * int(ids.sum()) + ids.shape[1]) % 10] = 9
            output = self.weight * Tensor(logits)
            self.seen.append([list(ids.shape), self.training, output.node is not None])
            return output

    handed = []

    def sample_token(logits, **options):  # exercise 13.12 has checks of its own
        handed.append({name: options.get(name) for name in ("temperature", "top_k", "top_p")})
        rngs.append(options.get("rng") is rng)
        return int(np.argmax(np.asarray(getattr(logits, "data", logits))))

    transformers.sample_token = sample_token
    model, rng, rngs = Fake(), np.random.default_rng(1), []
    given = np.array(ids) if as_array else list(ids)
    stream = transformers.generate(model, given, count, rng=rng, **options)
    start = next(stream)
    early, between = len(model.seen), Op.recording
    new = [start, *stream]
    same = list(given) == list(ids)
    after = [between, model.training]
    return [[int(each) for each in new], early, model.seen, handed, all(rngs), same, after]


def is_written(found, ids, count, context_len, options, as_array=False):
    new, early, seen, handed, rngs, same, [between, afterwards] = found
    right = list(ids)
    for _ in range(count):
        last = right[-context_len:]
        right.append((3 * sum(last) + len(last)) % 10)
    assert new == right[len(ids) :], f"the new ids are {new}"
    assert early == 1, "the first id comes only after more calls of the model"
    for shape, training, recorded in seen:
        assert shape[0] == 1 and shape[1] <= context_len, f"the model sees ids of shape {shape}"
        assert not training and not recorded, "dropout is on, or the pass is recorded"
    wanted = {"temperature": options.get("temperature", 1.0), "top_k": options.get("top_k"),
              "top_p": options.get("top_p")}  # fmt: skip
    assert all(one == wanted for one in handed) and rngs, "the options are not handed on"
    assert same, "the given ids were changed"
    assert between, "between two ids the caller's own calculations are not recorded"
    assert not afterwards, "the model is in training afterwards"


@pytest.mark.exercise("13.13")
class TestGenerate:
    @pytest.mark.points(0.5)
    def test_four_new_ids(self, submission):
        given = {"ids": [1, 2, 3], "count": 4, "context_len": 4, "options": {"temperature": 0.5}}
        is_written(submission.run(written, **given), **given)


def test_passes_in_the_notebook(submission, exercise):
    submission.pass_own_test()
