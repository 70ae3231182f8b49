"""Parts in turn or in threads: the gradients of the whole batch, whatever came before."""

import sys
import threading

import numpy as np
import pytest
import threadpoolctl

from tests.core.training.small import loss_of, network, points
from tinytorch.core.activations import tanh
from tinytorch.core.layers import Layer, Linear
from tinytorch.core.optimizers import AdamW
from tinytorch.core.training import (
    DataParallel,
    accumulate_gradients,
    backward_in_parts,
    evaluate,
    generator_states,
    replicas,
    split_batch,
)

hypothesis = pytest.importorskip("hypothesis")
sizes = hypothesis.strategies.integers

WAYS = {
    "3 parts": backward_in_parts(3),
    "more parts than samples": backward_in_parts(50),
    "2 threads": DataParallel(2),
    "3 threads": DataParallel(3),
}


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def way(request):
    return request.param


def assert_as_one(way, model, batch):
    """Compare with one pass over the whole batch; gradients that are there are added to."""
    names, parameters = zip(*model.named_parameters(), strict=True)
    before = [None if p.grad is None else p.grad.copy() for p in parameters]
    loss = way(model, loss_of, batch)
    found = [p.grad for p in parameters]
    for parameter, grad in zip(parameters, before, strict=True):
        parameter.grad = grad
    whole = loss_of(model, batch)
    whole.backward()
    assert loss == pytest.approx(whole.item(), abs=1e-12)
    for name, parameter, grad in zip(names, parameters, found, strict=True):
        if parameter.grad is None:
            assert grad is None, name
        else:
            np.testing.assert_allclose(grad, parameter.grad, rtol=0, atol=1e-12, err_msg=name)


@hypothesis.given(rows=sizes(1, 40), parts=sizes(1, 50))
def test_parts_are_consecutive_nearly_equal_and_all(rows, parts):
    batch = np.arange(rows * 3).reshape(rows, 3), np.arange(rows)
    found = split_batch(batch, parts)
    assert len(found) == min(rows, parts)
    lengths = [len(part[0]) for part in found]
    assert max(lengths) - min(lengths) <= 1 and min(lengths) >= 1
    for place, array in enumerate(batch):
        np.testing.assert_array_equal(np.concatenate([part[place] for part in found]), array)


@hypothesis.settings(deadline=None, max_examples=40)
@hypothesis.given(rows=sizes(1, 23), parts=sizes(1, 9), seed=sizes(0, 99))
def test_any_number_of_parts_gives_the_gradient_of_the_whole(rows, parts, seed):
    model = network(0.0, np.float64)
    assert_as_one(backward_in_parts(parts), model, points(rows, seed))
    assert_as_one(lambda *given: accumulate_gradients(*given, parts), model, points(rows, seed + 1))


@pytest.mark.parametrize("rows", [1, 2, 7, 13])
def test_each_way_gives_the_gradient_of_the_whole_and_adds_it(way, rows):
    model = network(0.0, np.float64)
    assert_as_one(way, model, points(rows, 1))
    assert_as_one(way, model, points(rows, 2))  # to what the first left


def test_changed_parameters_are_seen(way):
    model = network(0.0, np.float64)
    optimizer = AdamW(model.parameters(), lr=0.1)
    assert_as_one(way, model, points(7, 1))
    optimizer.step()  # in place
    assert_as_one(way, model, points(7, 2))
    for parameter in model.parameters():
        parameter.data = parameter.data * 2  # by another array
    assert_as_one(way, model, points(7, 3))
    model.load_state_dict({name: array - 1 for name, array in model.state_dict().items()})
    assert_as_one(way, model, points(7, 4))


def test_frozen_parameters_get_no_gradient(way):
    model = network(0.0, np.float64)
    frozen = dict(model.named_parameters())["0.weight"]
    frozen.requires_grad = False
    assert_as_one(way, model, points(7))
    assert frozen.grad is None


class Twice(Layer):
    """One layer under two names."""

    def __init__(self):
        self.first = Linear(3, 3, rng=np.random.default_rng(5))
        self.second = self.first

    def forward(self, x):
        return self.second(tanh(self.first(x)))


def test_a_layer_used_twice_gets_both_gradients(way):
    assert_as_one(way, Twice().to(np.float64), points(7))


def test_a_bad_batch_is_refused(way):
    x, y = points(7)
    for batch in ((x, y[:3]), (x[:0], y[:0]), ()):
        with pytest.raises(ValueError, match="equally many rows"):
            way(network(), loss_of, batch)


@pytest.mark.parametrize("number", [0, -1, 2.0, "2", None])
def test_a_number_of_parts_or_workers_is_a_positive_int(number):
    with pytest.raises(ValueError, match="parts must be a positive int"):
        backward_in_parts(number)
    with pytest.raises(ValueError, match="workers must be a positive int"):
        DataParallel(number)


# ---- threads ----


def test_copies_share_memory_but_neither_gradients_nor_random_numbers():
    model = network(0.5)
    model.parameters()[0].grad = np.ones((3, 8), np.float32)
    first, second = replicas(model, 2)
    for own, one, two in zip(*(m.parameters() for m in (model, first, second)), strict=True):
        assert np.shares_memory(own.data, one.data) and np.shares_memory(own.data, two.data)
        assert one.grad is None and two.grad is None and own is not one is not two
    assert (model.parameters()[0].grad == 1).all()
    states = [repr(generator_states(each)) for each in (model, first, second)]
    assert len(set(states)) == 3


def test_threads_draw_others_in_each_call_and_the_same_from_the_same_state():
    batch, threads = points(40), DataParallel(2)

    def two_losses():
        model = network(0.5)
        return [threads(model, loss_of, batch) for _ in range(2)]

    once, again = two_losses(), two_losses()
    assert once == again and once[0] != once[1]


def test_an_error_leaves_gradients_threads_and_limits_as_they_were():
    def fails_in_the_last(model, batch):
        if len(batch[0]) == 2:
            raise KeyError("the last part")
        return loss_of(model, batch)

    def limits():
        return [each["num_threads"] for each in threadpoolctl.threadpool_info()]

    model, before, running = network(0.0), limits(), threading.active_count()
    with pytest.raises(KeyError, match="the last part"):
        DataParallel(3)(model, fails_in_the_last, points(7))  # 3, 2 and 2 samples
    assert all(parameter.grad is None for parameter in model.parameters())
    assert limits() == before and threading.active_count() == running


def test_the_products_of_each_thread_use_one_thread():
    seen = []

    def looks(model, batch):
        libraries = threadpoolctl.threadpool_info()
        seen.append([each["num_threads"] for each in libraries if each["user_api"] == "blas"])
        return loss_of(model, batch)

    DataParallel(2)(network(), looks, points(7))
    assert len(seen) == 2 and all(set(each) <= {1} for each in seen)


def test_without_threadpoolctl_it_says_what_to_type(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with pytest.raises(ModuleNotFoundError, match="pip install threadpoolctl"):
        DataParallel(2)


# ---- evaluation ----


@hypothesis.settings(deadline=None, max_examples=30)
@hypothesis.given(cuts=hypothesis.strategies.lists(sizes(1, 9), min_size=1, max_size=5))
def test_the_mean_is_over_samples_however_they_are_cut(cuts):
    x, y = points(sum(cuts))
    ends = np.cumsum(cuts)[:-1]
    batches = list(zip(np.split(x, ends), np.split(y, ends), strict=True))
    model = network(0.5, np.float64)
    whole = loss_of(network(0.0, np.float64), (x, y)).item()
    assert evaluate(model, batches, loss_of) == pytest.approx(whole, abs=1e-12)


def test_an_error_in_an_evaluation_restores_each_layers_own_mode():
    model = network(0.5).train()
    model[2].eval()

    def broken(model, batch):
        raise ZeroDivisionError

    before = generator_states(model)
    with pytest.raises(ZeroDivisionError):
        evaluate(model, [points(3)], broken)
    assert model.training and model[0].training and not model[2].training
    assert generator_states(model) == before
    assert loss_of(model, points(3)).requires_grad  # recording is on again
