"""Hidden checks of module 02: inputs are drawn anew for each batch of submissions."""

import numpy as np
import pytest

from tests.grading.test_activations import applied, computed


@pytest.mark.exercise("2.1")
class TestExpLogTanh:
    @pytest.mark.points(0.5)
    def test_other_numbers_dtypes_and_what_is_remembered(self, submission, rng):
        wide = {"exp": 40, "log": 0, "tanh": 500}
        for name, size in wide.items():
            x = size * rng.normal(size=(2, 3, 5)) if size else np.exp(9 * rng.normal(size=(3, 5)))
            arrays = [x.clip(-80, 80) if name == "exp" else x, rng.random((3, 2)) + 0.5]
            arrays += [arrays[0].astype("f"), rng.integers(1, 9, size=7), np.zeros((0, 3))]
            submission.check(computed, name=name, arrays=arrays)
        for name, ends in (("exp", (200, 700)), ("log", (1e-300, 1e-200))):
            submission.check(computed, name=name, arrays=[rng.uniform(*ends, size=3)])


@pytest.mark.exercise("2.2")
class TestErf:
    @pytest.mark.points(0.5)
    def test_other_shapes_and_dtypes(self, submission, rng):
        x = rng.normal(size=(2, 3, 5))
        arrays = [x, x[0].T, x.astype("f"), rng.integers(-3, 4, size=(2, 7)), np.array([3, -2])]
        arrays += [np.zeros((0, 3)), np.zeros((2, 0), "f"), x[0, 0, 0], 30 * x[1]]
        submission.check(computed, rtol=1e-6, name="erf", arrays=arrays)


@pytest.mark.exercise("2.3")
class TestRelu:
    @pytest.mark.points(0.5)
    def test_odd_numbers_and_what_is_remembered(self, submission, rng):
        x, other = 3 * rng.normal(size=(2, 3, 5, 7))
        x[0, 0, :4], other[0] = [0.0, np.nan, np.inf, -np.inf], 1.0
        for dtype in ("float64", "float32"):
            submission.check(applied, calls=["relu(x)"], x=x, other=other, dtype=dtype)


@pytest.mark.exercise("2.4")
class TestSigmoid:
    @pytest.mark.points(0.5)
    def test_large_numbers_and_what_is_remembered(self, submission, rng):
        x, other = rng.normal(size=(2, 3, 5, 7))
        x[1] *= 10_000
        for dtype in ("float64", "float32"):
            submission.check(applied, calls=["sigmoid(x)"], x=x, other=other, dtype=dtype)


@pytest.mark.exercise("2.5")
class TestGelu:
    @pytest.mark.points(0.5)
    def test_other_numbers_and_what_is_remembered(self, submission, rng):
        x, other = 2 * rng.normal(size=(2, 3, 5, 7))
        for dtype in ("float64", "float32"):
            submission.check(applied, calls=["gelu(x)"], x=x, other=other, dtype=dtype)


@pytest.mark.exercise("2.6")
class TestGeluTanh:
    @pytest.mark.points(0.5)
    def test_other_numbers_and_what_is_remembered(self, submission, rng):
        x, other = 2 * rng.normal(size=(2, 3, 5, 7))
        for dtype in ("float64", "float32"):
            submission.check(applied, calls=["gelu_tanh(x)"], x=x, other=other, dtype=dtype)


PRECISION = {"float64": 1e-6, "float32": 1e-2}  # far from 0, a float32 has few digits left


def far_scores(rng):
    """Rows far above and far below the others, and some scores of -infinity."""
    x, other = 3 * rng.normal(size=(2, 3, 5, 7))
    x[0, 1] += 1000
    x[1, 2] -= 10_000
    x[2, rng.integers(0, 5, size=3), rng.integers(0, 7, size=3)] = -np.inf
    return {"x": x, "other": other}


def along_all(name):
    return [f"{name}(x{dim})" for dim in ("", ", dim=0", ", dim=1", ", -2", ", dim=-1")]


@pytest.mark.exercise("2.7")
class TestSoftmax:
    @pytest.mark.points(1)
    def test_every_axis_and_what_is_remembered(self, submission, rng):
        x, other = 3 * rng.normal(size=(2, 3, 5, 7))
        submission.check(applied, calls=along_all("softmax"), x=x, other=other)

    @pytest.mark.points(0.5)
    def test_scores_far_apart_and_hidden_ones(self, submission, rng):
        scores = far_scores(rng)
        for dtype, atol in PRECISION.items():
            submission.check(applied, atol=atol, calls=["softmax(x)"], **scores, dtype=dtype)

        def all_hidden(activations, x):
            import numpy as np

            from tinytorch.core.tensor import Tensor

            with np.errstate(invalid="ignore"):
                return activations.softmax(Tensor(x)).numpy()

        x = rng.normal(size=(3, 5))
        x[1] = -np.inf
        submission.check(all_hidden, x=x)


@pytest.mark.exercise("2.8")
class TestLogSoftmax:
    @pytest.mark.points(1)
    def test_every_axis_far_scores_and_what_is_remembered(self, submission, rng):
        x, other = 3 * rng.normal(size=(2, 3, 5, 7))
        submission.check(applied, calls=along_all("log_softmax"), x=x, other=other)
        scores = far_scores(rng)
        for dtype, atol in PRECISION.items():
            submission.check(applied, atol=atol, calls=["log_softmax(x)"], **scores, dtype=dtype)


@pytest.mark.exercise("2.9")
class TestActivationLayers:
    @pytest.mark.points(0.5)
    def test_other_numbers_settings_and_what_is_remembered(self, submission, rng):
        layers = ["ReLU()", "Sigmoid()", "Tanh()", "GELU()", "GELUTanh()", "LogSoftmax()"]
        layers += [f"{name}Softmax(dim={dim})" for name in ("", "Log") for dim in (0, 1, -1)]
        x, other = 2 * rng.normal(size=(2, 3, 5, 7))
        calls = [f"{layer}(x)" for layer in layers]
        submission.check(applied, calls=calls, x=x, other=other)
