"""Whole runs: cut off and gone on, stopped by what is not finite, beside PyTorch; what is given."""

import ctypes
import io
import os
import subprocess
import sys
from functools import partial

import numpy as np
import pytest

from tests.core.training.small import loss_of, make_trainer, network, points, standing
from tinytorch.core.optimizers import SGD, AdamW, clip_grad_norm, warmup_cosine
from tinytorch.core.training import (
    DataParallel,
    Record,
    Trainer,
    as_records,
    as_rows,
    backward_in_parts,
    overfit_one_batch,
    save_checkpoint,
)
from tinytorch.memory import keep_memory, page_faults
from tinytorch.progress import counted, telling


class Shuffled:
    """23 samples in batches of 5, each pass in another order; made anew, the same orders again."""

    def __init__(self):
        self.rng = np.random.default_rng(3)

    def __iter__(self):
        x, y = points(23)
        order = self.rng.permutation(23)
        for start in range(0, 23, 5):
            yield x[order[start : start + 5]], y[order[start : start + 5]]


def shuffled_run(gradients):
    schedule = partial(warmup_cosine, warmup_steps=3, total_steps=17, max_lr=0.05)
    options = {"gradients": gradients, "schedule": schedule, "max_norm": 0.5}
    return make_trainer(network(0.5), Shuffled(), **options)


WAYS = [backward_in_parts(1), backward_in_parts(3), DataParallel(2)]


@pytest.mark.parametrize("way", WAYS, ids=["whole", "3 parts", "2 threads"])
def test_a_run_cut_off_twice_ends_with_the_same_bits(tmp_path, way):
    """Dropout, shuffling, a schedule, clipping, evaluation; within a pass and at its end."""
    path = tmp_path / "run.safetensors"

    def go(trainer, until):
        trainer.train(until, every=2, evaluation=lambda: trainer.step / 8, checkpoint=path)

    through = shuffled_run(way)
    go(through, 17)
    for stop in (5, 8, 17):
        trainer = shuffled_run(way)
        if stop > 5:
            trainer.resume(path)
        go(trainer, stop)
    assert standing(trainer) == standing(through)
    assert [record.step for record in trainer.history] == [*range(1, 18)]


def test_a_run_with_a_lost_batch_goes_on_with_the_batches_after_it(tmp_path):
    """A loss of NaN takes a batch and makes no step."""
    path = tmp_path / "run.safetensors"
    through = make_trainer()
    through.train(4)
    through.loss_function = lambda model, batch: loss_of(model, batch) * float("nan")
    with pytest.raises(ValueError, match="step 5: the loss is nan"):
        through.train(5)
    through.loss_function = loss_of
    through.train(6, checkpoint=path)
    assert (through.step, through.taken) == (6, 7)
    again = make_trainer()
    again.resume(path)
    for trainer in (through, again):
        trainer.train(11)
    assert standing(again) == standing(through) and again.taken == through.taken


def test_saving_and_evaluating_do_not_change_a_run(tmp_path):
    quiet, busy = make_trainer(), make_trainer()
    quiet.train(9)
    busy.train(9, every=1, checkpoint=tmp_path / "run.safetensors")
    assert standing(busy) == standing(quiet)


def test_a_run_killed_while_it_trains_leaves_a_file_that_goes_on(tmp_path):
    path = tmp_path / "run.safetensors"

    def killed(model, batch):
        if trainer.step == 6:
            raise KeyboardInterrupt
        return loss_of(model, batch)

    trainer = make_trainer()
    trainer.loss_function = killed
    with pytest.raises(KeyboardInterrupt):
        trainer.train(13, every=4, checkpoint=path)
    again, through = make_trainer(), make_trainer()
    again.resume(path)
    assert again.step == 4
    again.train(13)
    through.train(13)
    assert standing(again) == standing(through)


@pytest.mark.parametrize("fault", ["write_bytes", "fsync", "replace"])
def test_whatever_fails_the_last_good_file_stays(tmp_path, monkeypatch, fault):
    path = tmp_path / "run.safetensors"
    save_checkpoint(path, {"a": np.ones(2)}, {})
    good = path.read_bytes()

    def full(*given, **named):
        raise OSError(28, "No space left on device")

    owner = type(path) if fault == "write_bytes" else os
    monkeypatch.setattr(owner, fault, full)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(path, {"a": np.zeros(2)}, {})
    monkeypatch.undo()
    assert path.read_bytes() == good
    assert [each.name for each in tmp_path.iterdir()] == ["run.safetensors"]


# ---- what is not finite ----


def but_generators(trainer):
    """What must not have changed when a step was refused; its forward pass drew numbers."""
    arrays, _, rest = standing(trainer)
    return arrays, rest


@pytest.mark.parametrize("way", WAYS, ids=["whole", "3 parts", "2 threads"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_not_finite_names_its_step_and_changes_nothing(tmp_path, way, value):
    path = tmp_path / "run.safetensors"
    trainer = make_trainer(network(0.0), gradients=way)
    trainer.train(3, checkpoint=path)
    good, before = path.read_bytes(), but_generators(trainer)
    trainer.loss_function = lambda model, batch: loss_of(model, batch) + value
    with pytest.raises(ValueError, match=rf"step 4: the loss is {value}"):
        trainer.train(9, every=1, checkpoint=path)
    assert but_generators(trainer) == before and path.read_bytes() == good


def test_gradients_that_are_not_finite_name_their_step_and_change_nothing():
    def gradients(model, loss_function, batch):
        loss = backward_in_parts(1)(model, loss_function, batch)
        if trainer.step == 2:
            model.parameters()[1].grad[0] = np.nan
        return loss

    trainer = make_trainer(network(0.0), gradients=gradients)
    trainer.train(2)
    before = but_generators(trainer)
    with pytest.raises(ValueError, match="step 3: "):
        trainer.train(9)
    assert but_generators(trainer) == before


def test_an_evaluation_that_is_not_finite_saves_nothing(tmp_path):
    path = tmp_path / "run.safetensors"
    with pytest.raises(ValueError, match="step 2: the evaluation gives nan"):
        make_trainer().train(5, every=2, evaluation=lambda: np.nan, checkpoint=path)
    assert not path.exists()


# ---- a run is its parts ----


def test_a_run_is_the_plain_loop():
    trainer = make_trainer(network(0.0), schedule=lambda step: 0.1 / (step + 1), max_norm=0.3)
    trainer.train(6, every=4, evaluation=lambda: 0.25)
    model = network(0.0)
    optimizer = AdamW(model.parameters())
    for step, record in enumerate(trainer.history):
        optimizer.lr = 0.1 / (step + 1)
        optimizer.zero_grad()
        loss = loss_of(model, points(7, step % 4))
        loss.backward()
        norm = clip_grad_norm(model.parameters(), 0.3)
        optimizer.step()
        val_loss = 0.25 if step == 3 else None
        right = Record(step + 1, loss.item(), optimizer.lr, norm, val_loss)
        assert record.step == right.step and record.val_loss == right.val_loss
        assert record.lr == right.lr
        assert record.loss == pytest.approx(right.loss, abs=1e-7)
        assert record.grad_norm == pytest.approx(right.grad_norm, rel=1e-5)
    for own, other in zip(trainer.model.parameters(), model.parameters(), strict=True):
        np.testing.assert_allclose(own.data, other.data, rtol=0, atol=1e-6)


def test_train_goes_to_a_step_not_by_so_many(tmp_path):
    trainer, path = make_trainer(), tmp_path / "run.safetensors"
    trainer.train(3)
    trainer.train(3, checkpoint=path)
    assert trainer.step == 3 and len(trainer.history) == 3 and not path.exists()
    with pytest.raises(ValueError, match="every must be a positive int; got 0"):
        trainer.train(5, every=0)


@pytest.mark.parametrize("batches", [[], iter([])])
def test_no_batches_are_refused(batches):
    with pytest.raises(ValueError, match="after 0 there is none"):
        make_trainer(batches=batches).train(1)


def test_batches_are_taken_one_at_a_time():
    taken = []

    def batches():
        for seed in range(9):
            taken.append(seed)
            yield points(7, seed)

    make_trainer(batches=batches()).train(4)
    assert taken == [0, 1, 2, 3]


def test_records_come_back_from_rows():
    records = [Record(1, 0.1, 1e-3, 3.0), Record(2, 0.30000000000000004, 0.0, 0.0, 0.7)]
    assert as_records(as_rows(records)) == records
    assert as_records(as_rows([])) == [] and as_rows([]).shape == (0, 5)


def test_one_batch_is_learned_by_heart():
    model = network(0.0)
    losses = overfit_one_batch(model, AdamW(model.parameters(), 0.05), loss_of, points(7), 200)
    assert len(losses) == 200 and losses[-1] < 0.01 < losses[0]
    assert overfit_one_batch(model, SGD(model.parameters(), 0.1), loss_of, points(7), 0) == []


@pytest.mark.parametrize(("dtype", "atol"), [(np.float64, 1e-12), (np.float32, 1e-5)])
@pytest.mark.parametrize("way", WAYS, ids=["whole", "3 parts", "2 threads"])
def test_ten_steps_are_those_of_pytorch(record_worst, dtype, atol, way):
    torch = pytest.importorskip("torch")
    model = network(0.0, dtype)
    trainer = make_trainer(model, gradients=way, max_norm=0.4)
    weights = [torch.tensor(p.data.copy(), requires_grad=True) for p in model.parameters()]
    named = dict(zip([name for name, _ in model.named_parameters()], weights, strict=True))
    optimizer = torch.optim.AdamW(weights, lr=0.02, weight_decay=0.01)
    rows = []
    for step in range(10):
        x, y = points(7, step % 4)
        optimizer.zero_grad()
        hidden = torch.tanh(torch.tensor(x.astype(dtype)) @ named["0.weight"] + named["0.bias"])
        logits = hidden @ named["3.weight"] + named["3.bias"]
        loss = torch.nn.functional.cross_entropy(logits, torch.tensor(y))
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(weights, 0.4)
        optimizer.step()
        rows.append((loss.item(), norm.item()))
    trainer.train(10)
    found = np.array([(record.loss, record.grad_norm) for record in trainer.history])
    far = float(np.abs(found - rows).max())
    record_worst(f"10 steps beside PyTorch, {np.dtype(dtype)}", far)
    assert far <= atol
    for name, parameter in model.named_parameters():
        right = named[name].detach().numpy()
        # PyTorch divides by the norm plus 1e-6 when it clips, and Adam's eps makes that visible
        np.testing.assert_allclose(parameter.data, right, rtol=0, atol=max(atol, 1e-6))


# ---- what is given ----


@pytest.mark.parametrize("library", [object(), None])
def test_elsewhere_than_glibc_memory_is_left_alone(monkeypatch, library):
    def load(name):
        if library is None:
            raise OSError("no such library")
        return library

    monkeypatch.setattr(ctypes, "CDLL", load)
    assert keep_memory() is False


def test_a_refusal_of_the_c_library_is_told(monkeypatch):
    class Library:
        gnu_get_libc_version = None

        def mallopt(self, name, value):
            return 0

    monkeypatch.setattr(ctypes, "CDLL", lambda name: Library())
    assert keep_memory() is False


FAULTS = """
import numpy as np
from tinytorch.memory import keep_memory, page_faults

def count():
    before = page_faults()
    for _ in range(5):
        many = [np.ones(250_000) for _ in range(20)]  # 40 MB in all, 10,000 pages
        del many
    return page_faults() - before

count(); alone = count(); able = keep_memory(); count(); print(able, alone, count())
"""


@pytest.mark.skipif(page_faults() is None, reason="nothing counts page faults here")
def test_kept_memory_costs_no_page_faults():
    """In a process of its own: what was asked of the C library stays until the process ends."""
    run = [sys.executable, "-c", FAULTS]
    printed = subprocess.run(run, capture_output=True, text=True, check=True).stdout.split()
    if printed[0] == "False":
        pytest.skip("not glibc")
    alone, kept = int(printed[1]), int(printed[2])
    assert kept < 2_000 and kept < alone / 10


def test_where_nothing_counts_page_faults_there_is_no_number(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)
    assert page_faults() is None


@pytest.mark.parametrize("wanted", [False, None])
def test_nothing_is_printed_unless_asked_where_there_is_no_terminal(capsys, wanted):
    make_trainer().train(3, every=1, progress=wanted)
    assert capsys.readouterr() == ("", "")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("wanted", [True, None])
def test_a_terminal_shows_a_bar(monkeypatch, wanted):
    out = Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    for name, value in {"TERM": "xterm", "COLUMNS": "120"}.items():
        monkeypatch.setenv(name, value)
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    ids = np.zeros((2, 5), int), np.zeros((2, 5), int)
    with telling(2, 4, wanted) as tell:
        tell(3, 0.5, ids, True)
        tell(4, 0.25, ids, False)
    shown = out.getvalue()
    assert "step 4/4" in shown and "loss 0.2500" in shown and "tokens/s" in shown


def test_a_line_tells_how_far_how_fast_and_how_long(capsys, monkeypatch):
    monkeypatch.setattr("time.perf_counter", iter([100.0, 110.0, 120.0]).__next__)
    with telling(4, 10, True) as tell:  # 10 s for steps 5 and 6, of 7 samples each
        tell(5, 0.7, points(7), False)
        tell(6, 0.5, points(7), True)
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.strip())
    assert line == "step 6/10  loss 0.5000  1 samples/s  40 s left"  # 14 in 20 s


def test_labels_are_not_tokens_and_floats_are_samples():
    assert counted((np.zeros(5, int),)) == (5, "samples")
    assert counted((np.zeros((5, 3), np.float32), np.zeros(5, int))) == (5, "samples")
    assert counted((np.zeros((5, 3), np.uint16),)) == (15, "tokens")


def test_a_loss_is_drawn_as_it_was(tmp_path):
    pytest.importorskip("matplotlib")
    from tinytorch.loss_picture import draw_loss

    trainer = make_trainer()
    trainer.train(5, every=2, evaluation=lambda: trainer.step / 8)
    figure = draw_loss(trainer.history, tmp_path / "loss.svg", ((1, 0.5), (5, 0.25)))
    lines = {line.get_label(): line.get_xydata().tolist() for line in figure.axes[0].lines}
    assert lines == {
        "one batch": [[record.step, record.loss] for record in trainer.history],
        "held-out data": [[2, 0.25], [4, 0.5]],
        "reference": [[1, 0.5], [5, 0.25]],
    }
    assert "<svg" in (tmp_path / "loss.svg").read_text()
    assert len(draw_loss(trainer.history[:1]).axes[0].lines) == 1  # the rest was not asked for


def test_an_empty_history_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    from tinytorch.loss_picture import draw_loss

    assert len(draw_loss([]).axes[0].lines) == 1


def test_a_trainer_takes_any_layer_and_optimizer():
    model = network(0.0)
    trainer = Trainer(model, SGD(model.parameters(), 0.5, momentum=0.9), loss_of, [points(31)])
    trainer.train(60)
    assert trainer.history[-1].loss < trainer.history[0].loss / 3
