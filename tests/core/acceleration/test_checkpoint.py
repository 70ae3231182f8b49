"""A checkpoint gives the gradients of the layer itself, wherever it stands, from less memory."""

import numpy as np
import pytest

from tests.core.draw import assert_close, normal
from tinytorch.core.acceleration import checkpoint
from tinytorch.core.activations import tanh
from tinytorch.core.autograd import no_grad, topological_order
from tinytorch.core.embeddings import Embedding
from tinytorch.core.layers import Dropout, Layer, Linear, Sequential
from tinytorch.core.tensor import Op, Tensor
from tinytorch.core.training import DataParallel, generators

X, GRAD = normal(0, (7, 5), (7, 5))


class Part(Layer):
    """A layer with dropout that counts its runs."""

    def __init__(self, rng, dtype=np.float64):
        parts = [Linear(5, 11, rng=rng), tanh, Dropout(0.3, rng=rng), Linear(11, 5, rng=rng)]
        self.inner, self.runs = Sequential(*parts).to(dtype), 0

    def forward(self, x):
        self.runs += 1
        return self.inner(x)


class Net(Layer):
    """Three parts one after the other, each run by `run`."""

    def __init__(self, run, seed=1):
        rng = np.random.default_rng(seed)
        self.parts, self.run = [Part(rng) for _ in range(3)], run

    def forward(self, x):
        for part in self.parts:
            x = self.run(part, x)
        return x


def plain(layer, *inputs):
    return layer(*inputs)


def twice(layer, x):
    """A checkpoint within a checkpoint."""
    return checkpoint(Within(layer), x)


class Within(Layer):
    def __init__(self, layer):
        self.layer = layer

    def forward(self, x):
        return checkpoint(self.layer, x)


def results(net, x=X):
    """Output, gradients, and the next random number of each generator."""
    given = Tensor(x, requires_grad=True, dtype=np.float64)
    output = net(given)
    output.backward(GRAD)
    drawn = [rng.random() for rng in {id(g): g for g in generators(net).values()}.values()]
    return [output.data, given.grad, *(p.grad for p in net.parameters()), *drawn]


def same(found, right, atol=1e-12):
    for one, other in zip(found, right, strict=True):
        assert_close(one, other, atol)


@pytest.mark.parametrize("run", [checkpoint, twice])
def test_gradients_and_random_numbers_are_those_of_the_layer(run):
    same(results(Net(run)), results(Net(plain)))


@pytest.mark.parametrize("run", [checkpoint, twice])
def test_gradients_that_are_there_are_added_to(run):
    nets = Net(run), Net(plain)
    for net in nets:
        for number, parameter in enumerate(net.parameters()):
            parameter.grad = np.full(parameter.shape, float(number)) if number % 2 else None
    same(*map(results, nets))


def test_two_passes_over_the_same_layers_add_up():
    nets = Net(checkpoint), Net(plain)
    for net in nets:
        results(net)
    same(*(results(net, X[::-1].copy()) for net in nets))


def test_one_layer_at_two_places_gets_both_gradients():
    found = []
    for run in (checkpoint, plain):
        part, x = Part(np.random.default_rng(2)), Tensor(X, requires_grad=True, dtype=float)
        run(part, run(part, x)).backward(GRAD)
        found.append([x.grad, *(p.grad for p in part.parameters())])
    same(*found)


def test_a_frozen_parameter_and_a_constant_input_get_no_gradient():
    part = Part(np.random.default_rng(3))
    frozen, *others = part.parameters()
    frozen.requires_grad = False
    x = Tensor(X, dtype=float)
    checkpoint(part, x).backward(GRAD)
    assert x.grad is None
    assert frozen.grad is None
    assert all(parameter.grad is not None for parameter in others)


def test_ids_go_through_a_checkpoint():
    table = Embedding(13, 5, rng=np.random.default_rng(4))
    ids = Tensor(np.array([1, 12, 1, 0, 3, 1, 12]))
    checkpoint(table, ids).backward(GRAD)
    assert_close(table.weight.grad[1], GRAD[[0, 2, 5]].sum(axis=0), 1e-6)
    assert ids.grad is None


def test_each_part_runs_twice_and_nothing_between_is_kept():
    def kept(output):
        return sum(x.data.nbytes for x in topological_order(output) if x.node)

    sizes = {}
    for run in (plain, checkpoint):
        net = Net(run)
        output = net(Tensor(X, dtype=float))
        sizes[run] = kept(output)
        output.backward(GRAD)
        assert [part.runs for part in net.parts] == [1 if run is plain else 2] * 3
    assert sizes[checkpoint] == 3 * X.nbytes < sizes[plain] / 3


def test_without_a_record_a_checkpoint_is_the_layer():
    net = Net(checkpoint)
    with no_grad():
        output = net(Tensor(X, dtype=float))
        assert not Op.recording
    assert not output.requires_grad
    assert Op.recording
    assert [part.runs for part in net.parts] == [1, 1, 1]


def test_an_error_in_the_second_run_leaves_recording_and_random_numbers_as_they_were():
    class Failing(Part):
        def forward(self, x):
            if self.runs:
                self.inner(x)
                raise ZeroDivisionError
            return super().forward(x)

    part = Failing(np.random.default_rng(5))
    output = checkpoint(part, Tensor(X, dtype=float))
    before = [rng.bit_generator.state for rng in generators(part).values()]
    with pytest.raises(ZeroDivisionError):
        output.backward(GRAD)
    assert Op.recording
    assert [rng.bit_generator.state for rng in generators(part).values()] == before


@pytest.mark.parametrize("run", [checkpoint, twice])
def test_threads_of_data_parallel_have_the_same_gradients(run):
    def loss(model, batch):
        return (model(Tensor(batch[0], dtype=float)) * Tensor(batch[1], dtype=float)).mean()

    found = []
    for each in (run, plain):
        net, threads = Net(each), DataParallel(2)
        losses = [threads(net, loss, (X, GRAD)) for _ in range(2)]
        found.append([losses, *(p.grad for p in net.parameters())])
    same(*found)
