# 07. Training
# Made from modules/07_training/training_dev.py by `tito export`: edit that, not this.
# sha256 of the lines below: 8d3d739e1285581c7086081246291f3ba516cb72f139ab40bfbea6259deaf9ad


# cell: imports
import contextlib
import copy
import hashlib
import json
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import Layer, require_size, walk
from tinytorch.core.optimizers import Optimizer, clip_grad_norm
from tinytorch.core.tensor import Array, Tensor
from tinytorch.memory import keep_memory
from tinytorch.progress import telling

Batch = tuple[Array, ...]  # arrays with one row a sample
LossFunction = Callable[[Layer, Batch], Tensor]  # gives the MEAN loss over the batch
Gradients = Callable[[Layer, LossFunction, Batch], float]  # leaves gradients, returns that mean


# cell: 7.1-overfit-one-batch
def overfit_one_batch(
    model: Layer,
    optimizer: Optimizer,
    loss_function: LossFunction,
    batch: Batch,
    steps: int = 100,
) -> list[float]:
    """Train on one batch again and again: what learns at all brings its loss near the lowest.

    Args:
        model: changed in place, in the mode (`train` or `eval`) it is in.
        optimizer: of the model's parameters.
        loss_function: the mean loss over a batch.
        batch: arrays with one row a sample.
        steps: how many.

    Returns:
        The loss before each step, in the loss function's unit.
    """
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loss_function(model, batch)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.item()))
    return losses


# cell: 7.2-evaluate
def evaluate(model: Layer, batches: Iterable[Batch], loss_function: LossFunction) -> float:
    """Mean loss over all samples, in evaluation, without recording; nothing is changed.

    Args:
        model: each layer is in its own mode again afterwards, also after an error.
        batches: an iterable that ends.
        loss_function: the mean loss over a batch.

    Returns:
        The mean over samples: a batch of 2 counts twice as much as a batch of 1.

    Raises:
        ValueError: there is no sample.
    """
    modes = [(part, part.training) for _, part in walk(model) if isinstance(part, Layer)]
    total, count = 0.0, 0
    try:
        model.eval()
        with no_grad():
            for batch in batches:
                total += loss_function(model, batch).item() * len(batch[0])
                count += len(batch[0])
    finally:
        for layer, mode in modes:
            layer.training = mode
    if count == 0:
        raise ValueError("batches hold no sample")
    return total / count


# cell: 7.3-split-batch
def split_batch(batch: Batch, parts: int) -> list[Batch]:
    """Cut a batch into consecutive parts of nearly equal size, along its first axis.

    Args:
        batch: arrays with one row a sample, equally many.
        parts: how many; if there are fewer samples, one part a sample.

    Returns:
        The parts, none empty; their sizes differ by at most 1.

    Raises:
        ValueError: `parts` is no positive int, the arrays differ in length, or hold no sample.
    """
    require_size("parts", parts)
    sizes = [len(array) for array in batch]
    if len(set(sizes)) != 1 or sizes[0] == 0:
        raise ValueError(f"the arrays of a batch need equally many rows, at least 1; got {sizes}")
    pieces = [np.array_split(array, min(parts, sizes[0])) for array in batch]
    return list(zip(*pieces, strict=True))


# cell: 7.4-accumulate-gradients
def accumulate_gradients(
    model: Layer, loss_function: LossFunction, batch: Batch, parts: int = 1
) -> float:
    """Go through a batch in parts, and add up their gradients.

    Args:
        model: the gradient of the mean loss over the whole batch is added to its parameters'.
        loss_function: the mean loss over a batch.
        batch: arrays with one row a sample.
        parts: how many; more need less memory at a time.

    Returns:
        The mean loss over the whole batch.
    """
    total = 0.0
    for part in split_batch(batch, parts):
        loss = loss_function(model, part) * (len(part[0]) / len(batch[0]))
        loss.backward()
        total += loss.item()
    return total


def backward_in_parts(parts: int = 1) -> Gradients:
    """Make `gradients(model, loss_function, batch)`, which accumulates over so many parts.

    Raises:
        ValueError: `parts` is no positive int.
    """
    require_size("parts", parts)
    return partial(accumulate_gradients, parts=parts)


# cell: given-generators
def generators(model: Layer) -> dict[str, np.random.Generator]:
    """Find every random generator under a model, as of its dropouts, by its path in `walk`."""
    return {name: part for name, part in walk(model) if isinstance(part, np.random.Generator)}


def draw_seeds(model: Layer) -> dict[str, int]:
    """Draw a seed from each generator under a model, which moves on; by its path in `walk`."""
    own = generators(model)
    drawn = {id(rng): int(rng.integers(2**63)) for rng in {id(x): x for x in own.values()}.values()}
    return {name: drawn[id(rng)] for name, rng in own.items()}


def restart(rng: np.random.Generator, *seeds: int) -> None:
    """Begin the random numbers of a generator anew: the same seeds, the same numbers."""
    rng.bit_generator.state = type(rng.bit_generator)(list(seeds)).state


def shared_memory(model: Layer) -> dict[int, Any]:
    """List by id what copies of a model shall share: a memo for `copy.deepcopy`.

    Args:
        model: a layer.

    Returns:
        A new dict of the arrays of its tensors, and of its tensors that were computed.
    """
    shared: dict[int, Any] = {}
    for _, part in walk(model):
        if isinstance(part, Tensor):
            kept = (part.data, part.grad) if part.node is None else (part,)
            shared |= {id(each): each for each in kept}
    return shared


# cell: 7.5-replicas
def replicas(model: Layer, count: int) -> list[Layer]:
    """Copy a model for threads: parameters share its memory, gradients and generators are new.

    Args:
        model: its generators move on by one draw.
        count: how many copies.

    Returns:
        The copies. No parameter has a gradient; each copy draws other random numbers, which follow
        from the state of the model's own generators.
    """
    copies = [copy.deepcopy(model, shared_memory(model)) for _ in range(count)]
    seeds = draw_seeds(model)
    for number, replica in enumerate(copies):
        for parameter in replica.parameters():
            parameter.grad = None
        for name, rng in generators(replica).items():
            restart(rng, seeds[name], number)
    return copies


# cell: given-linear-algebra
def linear_algebra() -> Any:
    """Find the libraries that multiply matrices, whose threads can be limited.

    Raises:
        ModuleNotFoundError: threadpoolctl is not installed.
    """
    try:
        import threadpoolctl
    except ModuleNotFoundError:
        wanted = "DataParallel needs threadpoolctl; type: pip install threadpoolctl"
        raise ModuleNotFoundError(wanted, name="threadpoolctl") from None
    return threadpoolctl.ThreadpoolController()


# cell: 7.6-data-parallel
class DataParallel:
    """Go through parts of a batch at once, each in a thread, with a copy of the model.

    Called as `(model, loss_function, batch)`: adds the gradient of the mean loss over the whole
    batch to the model's parameters, and returns that mean.

    Args:
        workers: how many threads.

    Raises:
        ValueError: `workers` is no positive int.
        ModuleNotFoundError: threadpoolctl is not installed; the message says what to type.

    Source: Li et al. 2020, "PyTorch distributed: experiences on accelerating data parallel
    training", section 2.
    """

    def __init__(self, workers: int = 2) -> None:
        require_size("workers", workers)
        self.workers = workers
        self.libraries = linear_algebra()

    def __call__(self, model: Layer, loss_function: LossFunction, batch: Batch) -> float:
        parts = split_batch(batch, self.workers)
        copies = replicas(model, len(parts))

        def work(replica: Layer, part: Batch) -> float:  # runs in a thread
            loss = loss_function(replica, part) * (len(part[0]) / len(batch[0]))
            loss.backward()
            return float(loss.item())

        one_thread_each = self.libraries.limit(limits=1, user_api="blas")
        with one_thread_each, ThreadPoolExecutor(len(parts)) as pool:
            losses = list(pool.map(work, copies, parts))
        self.gather(model, copies)
        return sum(losses)

    def gather(self, model: Layer, copies: list[Layer]) -> None:
        """Add the gradients of copies of a model to the model's own."""
        rows = zip(model.parameters(), *(each.parameters() for each in copies), strict=True)
        for own, *others in rows:
            for other in others:
                if other.grad is not None:
                    own.grad = other.grad if own.grad is None else own.grad + other.grad


# cell: 7.7-replacing
@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give the path of a new file beside `path`; it takes its place when the block ends well.

    Args:
        path: the file that is replaced, if there is one.

    Returns:
        In `with`: a path in the same folder. After an error in the block that file is removed, and
        the one at `path` is as it was.
    """
    path = Path(path)
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        yield new
        with open(new, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)


# cell: given-save-checkpoint
def checksum(tensors: Mapping[str, Array], notes: str) -> str:
    """Compute 64 hexadecimal digits that are others as soon as one bit of a checkpoint is."""
    total = hashlib.sha256(notes.encode())
    for name in sorted(tensors):
        array = tensors[name]
        total.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        total.update(array.tobytes())
    return total.hexdigest()


def library_of_tensors() -> Any:
    """Load safetensors.

    Raises:
        ModuleNotFoundError: it is not installed; the message says what to type.
    """
    try:
        import safetensors.numpy
    except ModuleNotFoundError:
        wanted = "checkpoints need safetensors; type: pip install safetensors"
        raise ModuleNotFoundError(wanted, name="safetensors") from None
    return safetensors


def save_checkpoint(
    path: str | Path, tensors: Mapping[str, Array], notes: Mapping[str, Any]
) -> None:
    """Write arrays and notes to a file in the format safetensors, wholly or not at all.

    Args:
        path: a file there is replaced at the very end: whatever fails, one of the two is whole.
        tensors: arrays of numbers or bools, by name.
        notes: what JSON can hold (a tuple comes back as a list).

    Raises:
        TypeError: `notes` hold what JSON cannot, or an array holds no real numbers.
        ModuleNotFoundError: safetensors is not installed.
    """
    library = library_of_tensors()
    for name, array in tensors.items():
        if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
            kind = getattr(array, "dtype", type(array).__name__)
            raise TypeError(f"tensors: {name} must be an array of real numbers; got {kind}")
    arrays = {
        name: np.asarray(array, array.dtype.newbyteorder("="), order="C")
        for name, array in tensors.items()
    }
    text = json.dumps(dict(notes))
    metadata = {"tinytorch": "1", "notes": text, "checksum": checksum(arrays, text)}
    with replacing(path) as new:
        new.write_bytes(library.numpy.save(arrays, metadata))


# cell: 7.8-load-checkpoint
def load_checkpoint(path: str | Path) -> tuple[dict[str, Array], dict[str, Any]]:
    """Read what `save_checkpoint` wrote.

    Args:
        path: the file.

    Returns:
        The arrays by name, and the notes.

    Raises:
        ValueError: the file is cut off, changed or no checkpoint; the message names it.
        FileNotFoundError: there is no such file.
        ModuleNotFoundError: safetensors is not installed.
    """
    library = library_of_tensors()
    with open(path, "rb"):
        pass  # an error that names the path, if it cannot be read
    try:
        with library.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if not {"notes", "checksum"} <= metadata.keys():  # its arrays may be none of NumPy's
                raise ValueError(f"{path} is no checkpoint: it holds no notes with a checksum")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except library.SafetensorError as error:
        raise ValueError(f"{path} is damaged, or no file of safetensors: {error}") from None
    if checksum(tensors, metadata["notes"]) != metadata["checksum"]:
        raise ValueError(f"{path} is damaged: its contents do not fit its checksum")
    return tensors, json.loads(metadata["notes"])


# cell: given-states
@dataclass(frozen=True)
class Record:
    """What a step of a training was like."""

    step: int  # how many steps were done, this one included
    loss: float  # of this step's batch, before the parameters changed
    lr: float  # the learning rate of this step
    grad_norm: float  # of all gradients together, before clipping
    val_loss: float | None = None  # what `evaluation` gave after this step


def as_rows(history: list[Record]) -> Array:
    """Turn records into an array, (steps, 5); None becomes NaN."""
    return np.array([astuple(record) for record in history], float).reshape(-1, 5)


def as_records(rows: Array) -> list[Record]:
    """Turn what `as_rows` made, (steps, 5), into records."""
    return [
        Record(int(step), loss, lr, norm, None if math.isnan(val_loss) else val_loss)
        for step, loss, lr, norm, val_loss in rows.tolist()
    ]


def generator_states(model: Layer) -> dict[str, Any]:
    """Describe where each generator under a model stands, in values that JSON can hold."""
    states = {name: rng.bit_generator.state for name, rng in generators(model).items()}
    plain: dict[str, Any] = json.loads(json.dumps(states, default=np.ndarray.tolist))
    return plain


def set_generator_states(model: Layer, states: Mapping[str, Any]) -> None:
    """Put each generator under a model where `generator_states` says."""
    for name, rng in generators(model).items():
        rng.bit_generator.state = states[name]


# cell: trainer
class Trainer:
    """Steps of training, one after the other, that can be interrupted and go on as if never.

    Args:
        model: the layer to train, changed in place.
        optimizer: of its parameters.
        loss_function: the mean loss over a batch.
        batches: an iterable of batches; where it ends, it is begun again. For a resumed run, one
            made anew must give the same batches, as a seeded loader does.
        gradients: how to go through a batch, as `backward_in_parts(4)` or `DataParallel(2)`.
        schedule: the learning rate of step 0, 1, 2, ...; None leaves the optimizer's as it is.
        max_norm: longer gradients are scaled down to this norm; None: never.
    """

    def __init__(
        self,
        model: Layer,
        optimizer: Optimizer,
        loss_function: LossFunction,
        batches: Iterable[Batch],
        *,
        gradients: Gradients = backward_in_parts(1),  # noqa: B008 - it holds no state
        schedule: Callable[[int], float] | None = None,
        max_norm: float | None = None,
    ) -> None:
        self.model, self.optimizer, self.loss_function = model, optimizer, loss_function
        self.gradients, self.schedule = gradients, schedule
        self.max_norm = sys.float_info.max if max_norm is None else max_norm  # none is longer
        self.batches = batches
        self.stream: Iterator[Batch] = iter(())  # the pass through `batches` that is going on
        self.taken = 0  # how many batches were taken
        self.step = 0  # how many steps were done
        self.history: list[Record] = []

    def next_batch(self) -> Batch:
        """Return the next batch; where the batches end, begin them again.

        Raises:
            ValueError: they hold none, or are an iterator that has ended.
        """
        batch = next(self.stream, None)
        if batch is None:
            self.stream = iter(self.batches)
            batch = next(self.stream, None)
        if batch is None:
            raise ValueError(f"batches: after {self.taken} there is none, also not from the start")
        self.taken += 1
        return batch

    def train_step(self, batch: Batch) -> Record:
        """Take one step: learning rate, gradients, clipping, update.

        Raises:
            ValueError: the loss or the gradients are not finite; no parameter was changed.
        """
        number = self.step + 1
        if self.schedule is not None:
            self.optimizer.lr = self.schedule(self.step)
        self.optimizer.zero_grad()
        loss = self.gradients(self.model, self.loss_function, batch)
        if not math.isfinite(loss):
            raise ValueError(f"step {number}: the loss is {loss}; no parameter was changed")
        try:
            norm = clip_grad_norm(self.optimizer.parameters, self.max_norm)
        except ValueError as error:
            raise ValueError(f"step {number}: {error}") from None
        self.optimizer.step()
        self.step = number
        return Record(number, loss, self.optimizer.lr, norm)

    def train(
        self,
        until_step: int,
        *,
        every: int = 100,
        evaluation: Callable[[], float] | None = None,
        checkpoint: str | Path | None = None,
        progress: bool | None = False,
    ) -> None:
        """Train until `until_step` steps are done, those before this call included.

        Args:
            until_step: how many steps in all.
            every: after how many steps to evaluate and to save.
            evaluation: gives a loss on other data, as `lambda: evaluate(...)`.
            checkpoint: where to save, each time and at the end.
            progress: True: a bar, or lines where the output is no terminal. None: only a bar.

        Raises:
            ValueError: a loss is not finite; the message names the step; nothing was saved.
        """
        require_size("every", every)
        keep_memory()
        with telling(self.step, until_step, progress) as tell:
            while self.step < until_step:
                batch = self.next_batch()
                record = self.train_step(batch)
                due = self.step % every == 0
                if due and evaluation is not None:
                    record = replace(record, val_loss=float(evaluation()))
                self.history.append(record)
                if record.val_loss is not None and not math.isfinite(record.val_loss):
                    raise ValueError(f"step {self.step}: the evaluation gives {record.val_loss}")
                if checkpoint is not None and (due or self.step == until_step):
                    self.save(checkpoint)
                tell(self.step, record.loss, batch, due)

    def save(self, path: str | Path) -> None:
        """Write all that the next steps depend on; errors as in `save_checkpoint`."""
        tensors: dict[str, Array] = {"history": as_rows(self.history)}
        notes: dict[str, Any] = {"step": self.step, "taken": self.taken}
        for kind, owner in (("model", self.model), ("optimizer", self.optimizer)):
            tensors |= {f"{kind}.{name}": array for name, array in owner.state_dict().items()}
        notes |= {"lr": float(self.optimizer.lr), "generators": generator_states(self.model)}
        save_checkpoint(path, tensors, notes)

    def resume(self, path: str | Path) -> None:
        """Go back to where a saved training was: the next steps are those it would have made.

        Args:
            path: a file that `save` wrote, of the same model, optimizer and batches.

        Raises:
            ValueError: the file is damaged, of another model, or this trainer is past it already;
                model, optimizer and generators are as they were.
        """
        tensors, notes = load_checkpoint(path)
        self.require_fit(path, tensors, notes)
        notes.setdefault("taken", notes["step"])  # an older file notes only the step
        states: dict[str, dict[str, Array]] = {"model": {}, "optimizer": {}, "history": {}}
        for key, array in tensors.items():
            kind, _, name = key.partition(".")
            states[kind][name] = array
        before = self.model.state_dict(), self.optimizer.state_dict()
        others = generator_states(self.model), (self.optimizer.lr, self.step, self.history)
        try:
            while self.taken < notes["taken"]:
                self.next_batch()
            self.model.load_state_dict(states["model"])
            self.optimizer.load_state_dict(states["optimizer"])
            set_generator_states(self.model, notes["generators"])
            self.optimizer.lr, self.step = notes["lr"], notes["step"]
            self.history = as_records(tensors["history"])
        except (ValueError, TypeError, KeyError) as error:
            self.model.load_state_dict(before[0])
            self.optimizer.load_state_dict(before[1])
            set_generator_states(self.model, others[0])
            self.optimizer.lr, self.step, self.history = others[1]
            raise ValueError(f"{path}: {error}") from error

    def require_fit(
        self, path: str | Path, tensors: Mapping[str, Array], notes: Mapping[str, Any]
    ) -> None:
        """Refuse a file that is of no `Trainer`, of another one, or behind this one."""
        if not {"step", "lr", "generators"} <= notes.keys() or "history" not in tensors:
            raise ValueError(f"{path} is no checkpoint of a Trainer: its notes are {sorted(notes)}")
        taken = notes.get("taken", notes["step"])
        if self.taken > taken:
            raise ValueError(
                f"{path}: it was saved after {taken} batches, this trainer has taken "
                f"{self.taken}; make a new one, with batches from the start"
            )
        own = {n: state["bit_generator"] for n, state in generator_states(self.model).items()}
        saved = {name: state["bit_generator"] for name, state in notes["generators"].items()}
        if own != saved:
            raise ValueError(f"{path}: the generators saved are {saved}, the model's are {own}")
        for name, parameter in self.model.named_parameters():
            array = tensors.get(f"model.{name}", parameter.data)
            if array.dtype != parameter.dtype:
                raise ValueError(f"{path}: {name} is {array.dtype}, in the model {parameter.dtype}")


__all__ = [
    "DataParallel",
    "Record",
    "Trainer",
    "accumulate_gradients",
    "as_records",
    "as_rows",
    "backward_in_parts",
    "checksum",
    "draw_seeds",
    "evaluate",
    "generator_states",
    "generators",
    "library_of_tensors",
    "linear_algebra",
    "load_checkpoint",
    "overfit_one_batch",
    "replacing",
    "replicas",
    "restart",
    "save_checkpoint",
    "set_generator_states",
    "shared_memory",
    "split_batch",
]
