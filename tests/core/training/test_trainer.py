"""Training: runs that go on bit for bit, threads, damaged files, a loop beside PyTorch."""

import contextlib
import os

import numpy as np
import pytest

from tinytorch.core.activations import tanh
from tinytorch.core.layers import Dropout, Layer, Linear, Sequential, walk
from tinytorch.core.losses import cross_entropy
from tinytorch.core.optimizers import SGD, AdamW
from tinytorch.core.tensor import Tensor
from tinytorch.core.training import (
    DataParallel,
    Trainer,
    backward_in_parts,
    evaluate,
    load_checkpoint,
    save_checkpoint,
)
from tinytorch.loss_picture import draw_loss
from tinytorch.memory import keep_memory, page_faults
from tinytorch.progress import counted


def points(count, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 3))
    return x, (x.sum(axis=1) > 0).astype(int)


def loss_of(model, batch):
    return cross_entropy(model(Tensor(batch[0])), batch[1])


def network(dropout=0.2, dtype=np.float32):
    rng = np.random.default_rng(1)
    parts = [Linear(3, 8, rng=rng), tanh, Dropout(dropout, rng=rng), Linear(8, 2, rng=rng)]
    return Sequential(*parts).to(dtype)


BATCHES = [points(7, seed) for seed in range(4)]


def run(gradients=None, dropout=0.2):
    model = network(dropout)
    gradients = backward_in_parts(1) if gradients is None else gradients
    optimizer = AdamW(model.parameters(), lr=0.02)
    return Trainer(model, optimizer, loss_of, BATCHES, gradients=gradients, max_norm=1.0)


def bits(trainer):
    arrays = {**trainer.model.state_dict(), **trainer.optimizer.state_dict()}
    losses = np.array([record.loss for record in trainer.history])
    return {name: array.tobytes() for name, array in {**arrays, "losses": losses}.items()}


@pytest.mark.parametrize("stop", [1, 4, 9])
@pytest.mark.parametrize("gradients", [backward_in_parts(1), backward_in_parts(3), DataParallel(2)])
def test_a_resumed_run_is_bit_identical(tmp_path, gradients, stop):
    path = tmp_path / "run.safetensors"
    through = run(gradients)
    through.train(13)
    run(gradients).train(stop, checkpoint=path)
    again = run(gradients)
    again.resume(path)
    again.train(13)
    assert bits(again) == bits(through)


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
def test_threads_give_the_gradients_of_the_whole_batch(workers):
    whole, parts = network(0.0, np.float64), network(0.0, np.float64)
    unused = Tensor(np.ones(2), requires_grad=True)
    parts.unused = unused
    loss = backward_in_parts(1)(whole, loss_of, BATCHES[0])
    found = DataParallel(workers)(parts, loss_of, BATCHES[0])
    assert found == pytest.approx(loss, abs=1e-12)
    for x, y in zip(whole.parameters(), parts.parameters(), strict=False):
        np.testing.assert_allclose(y.grad, x.grad, rtol=0, atol=1e-12)
    assert unused.grad is None


def test_an_error_in_a_thread_reaches_the_caller():
    def broken(model, batch):
        raise ZeroDivisionError("on purpose")

    with pytest.raises(ZeroDivisionError, match="on purpose"):
        DataParallel(2)(network(), broken, BATCHES[0])


def test_a_loss_that_is_no_number_names_its_step_and_saves_nothing(tmp_path):
    path = tmp_path / "run.safetensors"
    trainer = run()
    trainer.train(3, checkpoint=path)
    good = path.read_bytes()
    trainer.loss_function = lambda model, batch: loss_of(model, batch) * np.nan
    before = {name: array.copy() for name, array in trainer.model.state_dict().items()}
    with pytest.raises(ValueError, match="step 4: the loss is nan"):
        trainer.train(9, every=1, checkpoint=path)
    assert path.read_bytes() == good
    after = trainer.model.state_dict()
    assert all((after[name] == before[name]).all() for name in before)


# ---- files ----


def test_every_changed_byte_of_a_small_file_is_seen(tmp_path):
    path = tmp_path / "kept.safetensors"
    save_checkpoint(path, {"a": np.arange(3.0)}, {"step": 1})
    content = path.read_bytes()
    right = load_checkpoint(path)
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x15]) + content[place + 1 :])
        with contextlib.suppress(ValueError):
            arrays, notes = load_checkpoint(path)  # a byte that says nothing, such as a blank
            assert (arrays["a"] == right[0]["a"]).all() and notes == right[1]
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"kept\.safetensors"):
            load_checkpoint(path)


def test_a_disk_that_is_full_leaves_the_last_good_file(tmp_path, monkeypatch):
    path = tmp_path / "kept.safetensors"
    save_checkpoint(path, {"a": np.ones(2)}, {})

    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(path, {"a": np.zeros(2)}, {})
    assert (load_checkpoint(path)[0]["a"] == 1).all()
    assert [each.name for each in tmp_path.iterdir()] == ["kept.safetensors"]


@pytest.mark.parametrize(
    ("tensors", "notes"),
    [({"a": [1.0]}, {}), ({"a": np.array(["x"])}, {}), ({"a": np.ones(2)}, {"b": object()})],
)
def test_what_no_file_can_hold_is_refused(tmp_path, tensors, notes):
    with pytest.raises(TypeError):
        save_checkpoint(tmp_path / "kept.safetensors", tensors, notes)
    assert not [*tmp_path.iterdir()]


def test_a_file_of_another_model_changes_nothing(tmp_path):
    path = tmp_path / "run.safetensors"
    run().train(2, checkpoint=path)
    model = Linear(3, 2, rng=np.random.default_rng(5))
    other = Trainer(model, SGD(model.parameters(), 0.1), loss_of, BATCHES)
    before = bits(other)
    with pytest.raises(ValueError, match=r"run\.safetensors"):
        other.resume(path)
    assert bits(other) == before


# ---- beside PyTorch ----


def test_ten_steps_agree_with_pytorch():
    torch = pytest.importorskip("torch")
    model = network(0.0, np.float64)
    trainer = Trainer(model, SGD(model.parameters(), 0.1, momentum=0.9), loss_of, BATCHES)
    weights = [torch.tensor(p.data, requires_grad=True) for p in model.parameters()]
    first, first_bias, second, second_bias = weights
    optimizer = torch.optim.SGD(weights, 0.1, momentum=0.9)
    losses = []
    for step in range(10):
        x, y = (torch.tensor(array) for array in BATCHES[step % 4])
        optimizer.zero_grad()
        logits = torch.tanh(x @ first + first_bias) @ second + second_bias
        loss = torch.nn.functional.cross_entropy(logits, y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    trainer.train(10)
    found = [record.loss for record in trainer.history]
    np.testing.assert_allclose(found, losses, rtol=0, atol=1e-6)  # the points are float32 here


# ---- evaluation, and what is given ----


def test_evaluation_restores_each_mode():
    model = network(0.5).train()
    evaluate(model, BATCHES, loss_of)
    parts = [part for _, part in walk(model) if isinstance(part, Layer)]
    assert len(parts) == 4 and all(part.training for part in parts)


def test_memory_is_kept_where_it_can_be():
    assert keep_memory() in (True, False)
    faults = page_faults()
    assert faults is None or faults > 0


def test_tokens_and_samples_are_counted():
    assert counted((np.zeros((3, 5), int), np.zeros((3, 5), int))) == (15, "tokens")
    assert counted((np.zeros((3, 5)), np.zeros(3, int))) == (3, "samples")


def test_a_loss_is_drawn_with_a_reference(tmp_path):
    pytest.importorskip("matplotlib")
    trainer = run()
    trainer.train(6, every=2, evaluation=lambda: evaluate(trainer.model, BATCHES, loss_of))
    figure = draw_loss(trainer.history, tmp_path / "loss.png", [(0, 0.7), (6, 0.5)])
    labels = [line.get_label() for line in figure.axes[0].lines]
    assert labels == ["one batch", "held-out data", "reference"]
    assert (tmp_path / "loss.png").stat().st_size > 1000


def test_lines_are_printed_where_there_is_no_terminal(capsys):
    run().train(4, every=2, progress=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines if line.strip()] == ["step 2/4", "step 4/4"]
    assert "samples/s" in lines[0]
