"""Hidden checks of module 15: inputs are drawn anew for each batch of submissions."""

import numpy as np
import pytest

from tests.grading.test_quantization import (
    answers,
    back,
    both,
    products,
    replaced,
    scales,
    there,
    through_layer,
    weighed,
)


@pytest.mark.exercise("15.1")
class TestAbsmaxScale:
    @pytest.mark.points(0.5)
    def test_other_shapes_axes_and_zeros(self, submission, rng):
        cases = []
        for shape in ((7,), (5, 3), (2, 5, 3)):
            x = rng.normal(size=shape)
            x[..., 1] = 0
            for array in (x, x.astype(np.float32), x.T.copy().T, -np.abs(x)):
                cases += [[array, axis] for axis in (None, *range(x.ndim))]
        cases.append([np.full((5, 3), 1e-44), 0])  # a 127th is 0 in float32
        submission.check(scales, cases=cases)


@pytest.mark.exercise("15.2")
class TestInt8:
    @pytest.mark.points(0.5)
    def test_other_numbers_there(self, submission, rng):
        for shape, form in (((5, 3), (1, 1)), ((5, 3), (1, 3)), ((2, 7, 3), (2, 1, 3))):
            scale = rng.uniform(0.1, 3, form).astype(np.float32)
            rest = rng.choice([-0.41, -0.2, 0.03, 0.37], shape)  # far from a half
            x = (rng.integers(-200, 201, shape) + rest) * scale
            for array in (x, x.astype(np.float32), x.T.copy().T):
                submission.check(there, rtol=0, x=array, scale=scale)
        halves = (rng.integers(-126, 126, (5, 3)) + 0.5) * 2
        steps, back = (
            submission.run(there, x=x, scale=np.full((1, 1), 2, np.float32))[0]
            for x in (halves, -halves)
        )
        assert np.array_equal(steps, -back), "-x does not give -q where x is between two steps"

    @pytest.mark.points(0.5)
    def test_other_numbers_back(self, submission, rng):
        for shape, form in (((5, 3), (1, 1)), ((5, 3), (1, 3)), ((2, 7, 3), (2, 1, 3))):
            scale = rng.uniform(0.1, 3, form).astype(np.float32)
            numbers = rng.integers(-127, 128, shape, np.int8)
            submission.check(back, numbers=numbers, scale=scale)


def of_sizes(rng, sizes):
    return [rng.normal(size=size) * 10.0 ** rng.integers(-3, 3, size[1]) for size in sizes]


@pytest.mark.exercise("15.3")
class TestScales:
    @pytest.mark.points(0.5)
    def test_one_scale_for_other_sizes(self, submission, rng):
        weights = of_sizes(rng, [(5, 3), (2, 7), (13, 1)])
        submission.check(both, rtol=1e-5, name="quantize_per_tensor", weights=weights)

    @pytest.mark.points(0.5)
    def test_one_scale_for_each_output_of_other_sizes(self, submission, rng):
        weights = of_sizes(rng, [(5, 3), (2, 7), (3, 3), (13, 1)])
        submission.check(both, rtol=1e-5, name="quantize_per_channel", weights=weights)


@pytest.mark.exercise("15.4")
class TestBlocks:
    @pytest.mark.points(1)
    def test_other_sizes(self, submission, rng):
        weights = of_sizes(rng, [(32, 3), (96, 2), (160, 7)])
        submission.check(both, rtol=1e-5, name="quantize_per_block", weights=weights)
        wrong = 32 * int(rng.integers(1, 5)) + int(rng.integers(1, 32))
        cases = [np.ones((wrong, 32))]
        [[kind, text]] = submission.run(answers, name="quantize_per_block", cases=cases)
        assert kind == "ValueError", "inputs that do not fill their blocks are taken"
        assert str(wrong) in text, "the message does not show their count"


def rows(rng):
    """Rows of blocks: usual ones, zeros, equal numbers, halves of steps."""
    cases = [rng.normal(rng.uniform(-1, 1), 1, size) for size in ((32,), (3, 64), (2, 5, 96))]
    level = np.full(32, rng.normal())
    cases += [cases[1].astype(np.float32), cases[2].T.copy().T, level, 0 * level]
    cases.append(np.concatenate([rng.choice([0.5, 1.5, 2.5, 6.5], 31), [127.0]]))
    cases.append(np.concatenate([rng.choice([0.5, 1.5, 2.5, 6.5], 30), [0.0, 15.0]]))
    largest = rng.choice([2.25, 4.5, 9.0])  # half of it: 1 / d decides
    cases.append(np.concatenate([rng.choice([0, largest / 2], 30), [largest / 2, largest]]))
    return cases


@pytest.mark.exercise("15.5")
class TestQ8:
    @pytest.mark.points(1)
    def test_other_rows_there(self, submission, rng):
        submission.check(answers, rtol=0, atol=0, name="quantize_q8_0", cases=rows(rng))

    @pytest.mark.points(1)
    def test_other_blocks_back(self, submission, rng):
        blocks = rng.integers(0, 256, (2, 3, 5, 34), np.uint8)
        blocks[..., 1] = rng.integers(20, 70, (2, 3, 5))  # scales that are ordinary numbers
        cases = [blocks[0, 0, 0], blocks[0].reshape(3, -1), blocks.reshape(2, 3, -1)]
        submission.check(answers, rtol=1e-6, name="dequantize_q8_0", cases=cases)


@pytest.mark.exercise("15.6")
class TestQ4:
    @pytest.mark.points(1)
    def test_other_rows_there(self, submission, rng):
        submission.check(answers, rtol=0, atol=0, name="quantize_q4_1", cases=rows(rng))

    @pytest.mark.points(1)
    def test_other_blocks_back(self, submission, rng):
        blocks = rng.integers(0, 256, (2, 3, 5, 20), np.uint8)
        blocks[..., 1] = rng.integers(20, 70, (2, 3, 5))
        blocks[..., 3] = rng.integers(20, 70, (2, 3, 5)) + 128 * rng.integers(0, 2, (2, 3, 5))
        cases = [blocks[0, 0, 0], blocks[0].reshape(3, -1), blocks.reshape(2, 3, -1)]
        submission.check(answers, rtol=1e-5, name="dequantize_q4_1", cases=cases)


@pytest.mark.exercise("15.7")
class TestInt8Matmul:
    @pytest.mark.points(2)
    def test_exactly_in_every_shape(self, submission, rng):
        shapes = [((3, 5), (5, 2)), ((2, 3, 5), (2, 5, 7)), ((2, 3, 1500), (2, 1500, 2))]
        shapes.append(((2, 3, 1049), (1049, 2)))
        cases = [[rng.integers(-127, 128, one, np.int8) for one in pair] for pair in shapes]
        for terms in (1040, 1041, 1040 * int(rng.integers(2, 9)) + 3, 140_003):
            sides = [rng.choice(np.array([126, 127], np.int8), (1, terms)) for _ in range(2)]
            cases.append([sides[0], sides[1].T])
            cases.append([-sides[0], sides[1].T])
        submission.check(products, rtol=0, atol=0, cases=cases)


@pytest.mark.exercise("15.8")
class TestProduct:
    @pytest.mark.points(2)
    def test_other_blocks_and_inputs(self, submission, rng):
        for blocks, length, out, wide in ((1, 11, 3, False), (1, 11, 3, True), (3, 5, 2, True)):
            numbers = rng.integers(-127, 128, (blocks, length, out), np.int8)
            scale = rng.uniform(0.1, 2, (blocks, 1, out if wide else 1)).astype(np.float32)
            size = blocks * length
            inputs = [rng.normal(size=(*front, size)) for front in ((7,), (2, 3), ())]
            inputs[0] *= rng.uniform(0.01, 9, (7, 1))
            inputs[0][1] = 0
            submission.check(weighed, numbers=numbers, scale=scale, inputs=inputs)


@pytest.mark.exercise("15.9")
class TestQuantizedLinear:
    @pytest.mark.points(1)
    def test_other_sizes(self, submission, rng):
        size, out = int(rng.integers(5, 9)), int(rng.integers(2, 5))
        inputs = [rng.normal(size=shape) for shape in ((3, size), (2, 3, size), (size,))]
        inputs += [rng.normal(size=shape) for shape in ((3, size + 1), (size, 1), ())]
        for bias in (rng.normal(size=out), None):
            weight = rng.normal(size=(size, out))
            submission.check(through_layer, weight=weight, bias=bias, inputs=inputs)


@pytest.mark.exercise("15.10")
class TestQuantizeModel:
    @pytest.mark.points(1)
    def test_other_models(self, submission, rng):
        for _ in range(2):
            sizes = [int(size) for size in rng.integers(2, 9, 2)]
            x, seed = rng.normal(size=(3, sizes[0])), int(rng.integers(1, 10_000))
            submission.check(replaced, sizes=sizes, seed=seed, x=x)
