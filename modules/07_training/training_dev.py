# %% [markdown]
# # 07. Training
#
# Modules 01 to 06 gave you every part: tensors, layers, a loss, gradients, an optimizer. Training puts them into a loop. The
# loop is short; what makes it worth a module is that it must not fail in silence.
#
# **You will** write a check that a model can learn at all, evaluation, gradients from parts of a batch and from threads, files that
# survive a crash, and a `Trainer` whose interrupted run ends with the same bits as one that ran through.
#
# **Before you start:** modules 01 to 06. **Time:** 4 hours.

# %% export-target
#| default_exp core.training

# %% setup
import sys
from pathlib import Path

here = Path(globals().get("__file__", "notebook")).resolve().parent
root = next(folder for folder in [here, *here.parents] if (folder / "tinytorch").is_dir())
sys.path[:0] = [str(root), str(here)]  # this folder's own tinytorch and checks

import training_checks as checks

# %% imports
#| export
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

# %% demo-imports
import tempfile

from tinytorch.core.activations import tanh
from tinytorch.core.layers import Dropout, Linear, Sequential
from tinytorch.core.losses import accuracy, cross_entropy
from tinytorch.core.optimizers import AdamW, warmup_cosine
from tinytorch.loss_picture import draw_loss
from tinytorch.memory import page_faults
from tinytorch.pictures import in_pictures


# %% [markdown]
# ## One example for the whole module
#
# Two moons: two half circles of points that reach into each other, with noise. Which moon is a point from? No straight line
# tells.
#
# A batch is a tuple of arrays with one row a sample. A **loss function** takes a model and a batch and returns the mean loss:
# everything below works with any of them.
#
# `Shuffled` is a stand-in for the loader of module 08: each pass gives all samples once, in another order.

# %% example
def two_moons(count: int, seed: int) -> tuple[Array, Array]:
    """Draw points of two half circles, (count, 2), and which of both each is from, (count,)."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    angles = rng.uniform(0, np.pi, count)
    x, y = np.cos(angles), np.sin(angles)
    points = np.stack([np.where(labels, 1 - x, x), np.where(labels, 0.5 - y, y)], axis=1)
    return (points + rng.normal(0, 0.15, (count, 2))).astype(np.float32), labels


def small_model(seed: int = 7) -> Sequential:
    """Two layers of 32, with dropout between them."""
    rng = np.random.default_rng(seed)
    return Sequential(Linear(2, 32, rng=rng), tanh, Dropout(0.1, rng=rng), Linear(32, 2, rng=rng))


def loss_of(model: Layer, batch: Batch) -> Tensor:
    """Mean cross-entropy of a batch (points, labels), in nats."""
    points, labels = batch
    return cross_entropy(model(Tensor(points)), labels)


class Shuffled:
    """Batches of all samples, at each pass in another order; made anew, the same orders again."""

    def __init__(self, *arrays: Array, size: int, seed: int) -> None:
        self.arrays, self.size, self.rng = arrays, size, np.random.default_rng(seed)

    def __iter__(self) -> Iterator[Batch]:
        order = self.rng.permutation(len(self.arrays[0]))
        for start in range(0, len(order), self.size):
            yield tuple(array[order[start : start + self.size]] for array in self.arrays)


train_set, held_out = two_moons(500, seed=1), two_moons(300, seed=2)

if __name__ == "__main__":
    for points, label in zip(train_set[0][:3].round(2), train_set[1][:3], strict=True):
        print(f"point {points}: moon {label}")


# %% [markdown]
# ## The first thing to try
#
# ### Exercise 7.1: overfit_one_batch
#
# Before a long run, see whether the model can learn **one** batch by heart. If it cannot, something is wrong, and no patience
# will help: a gradient that is cut, labels in another order, a learning rate far off.
#
# A step, in this order: forget the old gradients, loss, backward, update.
#
# **Plan.** `steps` times such a step on the same batch. Return the losses as plain floats, each as it was before its update.
#
# <details><summary>Hint</summary>
#
# `optimizer.zero_grad()`, `loss = loss_function(model, batch)`, `loss.backward()`, `optimizer.step()`; `loss.item()` is the
# number.
#
# </details>

# %% 7.1-overfit-one-batch
#| export
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
    ### BEGIN SOLUTION 7.1
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loss_function(model, batch)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.item()))
    return losses
    ### END SOLUTION


# %% test-7.1 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: overfit_one_batch...")
    checks.overfit_one_batch(overfit_one_batch)
    print("✅ overfit_one_batch: gradients forgotten, loss before each update")

# %% [markdown]
# ## A lamp with two switches
#
# The lamp burns if the switches differ (XOR). Minsky and Papert proved that one layer cannot learn it; the best it can do is to
# say "half", a loss of ln 2. With a hidden layer the loss falls towards 0.

# %% lamp
if __name__ == "__main__":
    switches = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    lamp = switches, np.array([0, 1, 1, 0])
    rng = np.random.default_rng(7)
    for name, model in {
        "one layer": Linear(2, 2, rng=rng),
        "two layers": Sequential(Linear(2, 8, rng=rng), tanh, Linear(8, 2, rng=rng)),
    }.items():
        losses = overfit_one_batch(model, AdamW(model.parameters(), lr=0.05), loss_of, lamp, 200)
        print(f"{name:>10}: loss {losses[0]:.3f} -> {losses[-1]:.3f}   ln 2 = {math.log(2):.3f}")


# %% [markdown]
# ## How good is it?
#
# ### Exercise 7.2: evaluate
#
# The loss on data that the model never trained on. Three things are easy to get wrong:
#
# - Dropout must be off, and every layer must be in **its own** mode again afterwards, even after an error.
# - Nothing shall be recorded: that would be memory for nothing.
# - The last batch is often smaller. With $n_b$ samples in batch $b$:
#
# $$L = \frac{\sum_b n_b L_b}{\sum_b n_b}$$
#
# **Plan.** Note each layer's `training`; `eval()`; sum inside `no_grad()`; restore. No sample: `ValueError`.
#
# <details><summary>Hint</summary>
#
# `walk(model)` yields (name, part) for everything under the model. `try: ... finally: ...` restores after an error, too.
#
# </details>

# %% 7.2-evaluate
#| export
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
    ### BEGIN SOLUTION 7.2
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
    ### END SOLUTION


# %% test-7.2 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: evaluate...")
    checks.evaluate(evaluate)
    print("✅ evaluate: weighed by samples, nothing recorded, modes restored")


# %% [markdown]
# ## A batch in parts
#
# Two reasons to cut a batch: it does not fit into memory, or several workers share it. Both need the same arithmetic.
#
# ### Exercise 7.3: split_batch
#
# **Plan.** Cut every array at the same places into parts whose sizes differ by at most 1: seven samples in three parts are
# 3, 2 and 2. Fewer samples than parts: one part a sample. A `ValueError` where the arrays have not equally many rows, or none.
#
# <details><summary>Hint</summary>
#
# `np.array_split` cuts an array into nearly equal parts; asked for too many, it gives empty ones.
#
# </details>

# %% 7.3-split-batch
#| export
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
    ### BEGIN SOLUTION 7.3
    sizes = [len(array) for array in batch]
    if len(set(sizes)) != 1 or sizes[0] == 0:
        raise ValueError(f"the arrays of a batch need equally many rows, at least 1; got {sizes}")
    pieces = [np.array_split(array, min(parts, sizes[0])) for array in batch]
    return list(zip(*pieces, strict=True))
    ### END SOLUTION


# %% test-7.3 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: split_batch...")
    checks.split_batch(split_batch)
    print("✅ split_batch: consecutive, nearly equal, nothing lost")


# %% [markdown]
# ### Exercise 7.4: accumulate_gradients
#
# A mean is a sum of the parts' means, each times its share of the samples; so is its gradient:
#
# $$L = \sum_p \frac{n_p}{n} L_p \qquad \nabla L = \sum_p \frac{n_p}{n} \nabla L_p$$
#
# `backward` adds to what is in `.grad`, so the sum needs no code. This is **gradient accumulation**: a large batch with the memory
# of a small one, if each part goes backward before the next goes forward.
#
# **Plan.** For each part: its loss times its share, backward, add up the numbers. Return the mean loss, a float.
#
# <details><summary>Hint</summary>
#
# The share is `len(part[0]) / len(batch[0])`. Multiply the tensor before `backward()`.
#
# </details>

# %% 7.4-accumulate-gradients
#| export
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
    ### BEGIN SOLUTION 7.4
    total = 0.0
    for part in split_batch(batch, parts):
        loss = loss_function(model, part) * (len(part[0]) / len(batch[0]))
        loss.backward()
        total += loss.item()
    return total
    ### END SOLUTION


def backward_in_parts(parts: int = 1) -> Gradients:
    """Make `gradients(model, loss_function, batch)`, which accumulates over so many parts.

    Raises:
        ValueError: `parts` is no positive int.
    """
    require_size("parts", parts)
    return partial(accumulate_gradients, parts=parts)


# %% test-7.4 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: accumulate_gradients...")
    checks.accumulate_gradients(accumulate_gradients)
    print("✅ accumulate_gradients: the gradient of the whole batch, part by part")

# %% [markdown]
# The gradients of one batch, cut in other ways: the same but for rounding. "1/3 each" is what comes of weighing all parts
# alike, although the batch of 100 does not divide by three.

# %% parts-agree
if __name__ == "__main__":
    batch = train_set[0][:100], train_set[1][:100]
    found = {}
    for parts in (1, 3, 7):
        model = small_model().eval()
        loss = backward_in_parts(parts)(model, loss_of, batch)
        found[parts] = model.parameters()[0].grad
        print(f"{parts} parts: loss {loss:.7f}, off by {np.abs(found[parts] - found[1]).max():.1e}")
    model = small_model().eval()
    for part in split_batch(batch, 3):
        (loss_of(model, part) / 3).backward()
    print(f"1/3 each:             off by {np.abs(model.parameters()[0].grad - found[1]).max():.1e}")


# %% [markdown]
# ## Parts at the same time
#
# Distributed training (PyTorch's DDP) gives each machine a copy of the model and a part of the batch, and averages the gradients.
# Here the machines are threads of one process. NumPy lets go of Python's lock while it multiplies, so they do run at once.
#
# A thread needs a copy of the **tensors**, for the gradients, but not of the numbers: nobody changes those during a pass. And its
# dropout needs random numbers of its own.

# %% given-generators
#| export
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


# %% [markdown]
# ### Exercise 7.5: replicas
#
# A copy's seed is a pair: a number drawn from the model's own generator, and the number of the copy. So the copies differ, each
# call gives others, and all of it follows from the state of the model: what a resumed run will need.
#
# **Plan.** `count` deep copies that share memory; one `draw_seeds(model)` for all of them; in copy `k` (from 0) no gradients, and each
# generator restarted with its seed and `k`. The model's own gradients stay.
#
# <details><summary>Hint</summary>
#
# `copy.deepcopy(model, shared_memory(model))` makes one; call `shared_memory` for each, `deepcopy` writes into the dict. Names are the
# same in model and copy: `restart(rng, seeds[name], k)`.
#
# </details>

# %% 7.5-replicas
#| export
def replicas(model: Layer, count: int) -> list[Layer]:
    """Copy a model for threads: parameters share its memory, gradients and generators are new.

    Args:
        model: its generators move on by one draw.
        count: how many copies.

    Returns:
        The copies. No parameter has a gradient; each copy draws other random numbers, which follow
        from the state of the model's own generators.
    """
    ### BEGIN SOLUTION 7.5
    copies = [copy.deepcopy(model, shared_memory(model)) for _ in range(count)]
    seeds = draw_seeds(model)
    for number, replica in enumerate(copies):
        for parameter in replica.parameters():
            parameter.grad = None
        for name, rng in generators(replica).items():
            restart(rng, seeds[name], number)
    return copies
    ### END SOLUTION


# %% test-7.5 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: replicas...")
    checks.replicas(replicas)
    print("✅ replicas: the model's memory, gradients and random numbers of their own")


# %% [markdown]
# ### Exercise 7.6: DataParallel
#
# The given part makes copies, starts one thread a part, and waits for all; matrix products use one thread each meanwhile, or the
# threads would fight for cores. You write what a thread does, and what is done with the gradients.
#
# $$\nabla L = \sum_p \frac{n_p}{n} \nabla L_p$$
#
# **Plan.** `work`: as in 7.4, on the copy. `gather`: add each copy's gradients to the model's own, in the order of the copies; a parameter that
# has a gradient in no copy keeps what it has.
#
# <details><summary>Hint</summary>
#
# `zip(model.parameters(), *(each.parameters() for each in copies))` gives rows of the same parameter: the model's own, then the
# copies'.
#
# </details>

# %% given-linear-algebra
#| export
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


# %% 7.6-data-parallel
#| export
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
            ### BEGIN SOLUTION 7.6
            loss = loss_function(replica, part) * (len(part[0]) / len(batch[0]))
            loss.backward()
            return float(loss.item())
            ### END SOLUTION

        one_thread_each = self.libraries.limit(limits=1, user_api="blas")
        with one_thread_each, ThreadPoolExecutor(len(parts)) as pool:
            losses = list(pool.map(work, copies, parts))
        self.gather(model, copies)
        return sum(losses)

    def gather(self, model: Layer, copies: list[Layer]) -> None:
        """Add the gradients of copies of a model to the model's own."""
        ### BEGIN SOLUTION 7.6
        rows = zip(model.parameters(), *(each.parameters() for each in copies), strict=True)
        for own, *others in rows:
            for other in others:
                if other.grad is not None:
                    own.grad = other.grad if own.grad is None else own.grad + other.grad
        ### END SOLUTION


# %% test-7.6 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: DataParallel...")
    checks.data_parallel(DataParallel)
    print("✅ DataParallel: the gradient of the whole batch, from threads")


# %% [markdown]
# ## Files that survive a crash
#
# A training of hours ends sometimes with a power cut. A file that was being written then is half a file; and if it had the name
# of the last good one, both are lost.
#
# The way out: write a **new** file beside it, wait until the disk has it, then give it the name. The last step, `os.replace`, is one
# operation of the file system: it happens or it does not.

# %% [markdown]
# ### Exercise 7.7: replacing
#
# Used as `with replacing("model.safetensors") as new:`, it gives the path of a new file in the same folder, to write into.
#
# **Plan.** 1. Yield the new path. 2. When the block has ended well: `os.fsync`, so that the disk has it; then `os.replace`. 3. After an
# error: the old file stays as it was, and the new one is removed. The error goes on.
#
# <details><summary>Hint</summary>
#
# `try: yield new ... finally: new.unlink(missing_ok=True)`; after `os.replace` there is nothing left to remove.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# `with open(new, "rb+") as file: os.fsync(file.fileno())`.
#
# </details>

# %% 7.7-replacing
#| export
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
    ### BEGIN SOLUTION 7.7
    try:
        yield new
        with open(new, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)
    ### END SOLUTION


# %% test-7.7 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: replacing...")
    checks.replacing(replacing)
    print("✅ replacing: the old file or the new one, whole")


# %% [markdown]
# Arrays are written in the format **safetensors**, as published models are: a header that says where each array begins, then the bytes.
# Unlike a pickle, it cannot run code when it is opened. Notes go into its header, as JSON, and a checksum of everything.

# %% given-save-checkpoint
#| export
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


# %% [markdown]
# ### Exercise 7.8: load_checkpoint
#
# The given part opens the file: a cut one raises a `SafetensorError`. A changed bit in the middle raises nothing; only the checksum
# tells.
#
# **Plan.** A `ValueError` that names the path if 1. the file cannot be read as safetensors; 2. its metadata lacks `"notes"` or
# `"checksum"`: it is somebody else's; 3. the checksum of the arrays and the text of the notes is another. Else return the arrays and the notes.
#
# <details><summary>Hint</summary>
#
# `except library.SafetensorError as error: raise ValueError(f"{path}: ...") from None`. The notes are text: `json.loads`.
#
# </details>

# %% 7.8-load-checkpoint
#| export
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
    ### BEGIN SOLUTION 7.8
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
    ### END SOLUTION


# %% test-7.8 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: load_checkpoint...")
    checks.load_checkpoint(load_checkpoint, save_checkpoint)
    print("✅ load_checkpoint: every bit as saved, or an error that names the file")

# %% [markdown]
# ## Where the time goes
#
# A step makes large arrays and frees them. By default the C library hands them back to the system, and asks again in the next step. Each
# page of memory that is touched anew costs a **page fault**: the system stops the program and fills the page with zeros.
#
# `keep_memory()` (given) asks the library to keep what is freed. The `Trainer` calls it.

# %% page-faults
if __name__ == "__main__":
    wide = Sequential(Linear(2, 512), tanh, Linear(512, 2))
    large = train_set[0].repeat(8, axis=0), train_set[1].repeat(8)

    def faults_in_a_step() -> str:
        counts = []
        for _ in range(4):
            before = page_faults()
            backward_in_parts(1)(wide, loss_of, large)
            counts.append((page_faults() or 0) - (before or 0))
        return f"{counts[-1]:,} page faults in a step" if before is not None else "not counted here"

    print("as it is:   ", faults_in_a_step())
    print("keep_memory:", "possible," if keep_memory() else "not possible,", faults_in_a_step())


# %% [markdown]
# ## The Trainer
#
# One class holds what a run consists of. Its batches may be a list, a loader, a generator; where they end, they begin again.
#
# A record of each step stays in `history`. All of it is given but five methods.

# %% [markdown]
# ### Exercise 7.9: next_batch
#
# `self.stream` is the pass that is going on, at first one without batches.
#
# **Plan.** Take the next one. If the pass has ended, begin a new one with `iter(self.batches)`. If that has none either: `ValueError`. Count in
# `self.taken`. Take no batch ahead of time.
#
# <details><summary>Hint</summary>
#
# `next(stream, None)` gives None instead of an error at the end.
#
# </details>
#
# ### Exercise 7.10: train_step
#
# **Plan.** 1. With a schedule: `optimizer.lr` is that of `self.step`, counted from 0. 2. Forget, then `self.gradients`. 3. A loss that is not finite:
# `ValueError` with the number of the step, from 1, and nothing changed. 4. `clip_grad_norm` of the optimizer's parameters; its error
# gets the number as well. 5. Update, count. Return a `Record` with the norm before clipping.
#
# <details><summary>Hint</summary>
#
# `math.isfinite(loss)`. `self.max_norm` is always a number: without a limit the largest there is.
#
# </details>

# %% [markdown]
# ### Exercise 7.11: train
#
# **Plan.** In each turn: next batch, step; if the number of steps done is a multiple of `every`, evaluate, and put the float into the record
# (`dataclasses.replace`). Append it. `batch`, `record` and `due`, whether it was such a step, are used below.
#
# <details><summary>Hint</summary>
#
# `due = self.step % every == 0`, after the step. `replace(record, val_loss=...)` makes a new record.
#
# </details>
#
# ### Exercise 7.12: save, resume
#
# What do the next steps depend on? Parameters, the optimizer's averages, its learning rate, the random generators, and the batches that
# were already taken: more than the steps, if a loss was NaN. Leave one out and the run goes on, a little different, without any error.
#
# **Plan.** `save`: fill `tensors` (`"model." + name`, `"optimizer." + name`) and `notes`. `resume`: take batches until `self.taken`
# is `notes["taken"]`; load both states; generators; learning rate, step, history.
#
# <details><summary>Hint</summary>
#
# `generator_states(self.model)` and `set_generator_states(self.model, states)` are given. The batches first: they may fail.
#
# </details>

# %% given-states
#| export
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


# %% trainer
#| export
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
        ### BEGIN SOLUTION 7.9
        batch = next(self.stream, None)
        if batch is None:
            self.stream = iter(self.batches)
            batch = next(self.stream, None)
        if batch is None:
            raise ValueError(f"batches: after {self.taken} there is none, also not from the start")
        self.taken += 1
        return batch
        ### END SOLUTION

    def train_step(self, batch: Batch) -> Record:
        """Take one step: learning rate, gradients, clipping, update.

        Raises:
            ValueError: the loss or the gradients are not finite; no parameter was changed.
        """
        ### BEGIN SOLUTION 7.10
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
        ### END SOLUTION

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
                ### BEGIN SOLUTION 7.11
                batch = self.next_batch()
                record = self.train_step(batch)
                due = self.step % every == 0
                if due and evaluation is not None:
                    record = replace(record, val_loss=float(evaluation()))
                self.history.append(record)
                ### END SOLUTION
                if record.val_loss is not None and not math.isfinite(record.val_loss):
                    raise ValueError(f"step {self.step}: the evaluation gives {record.val_loss}")
                if checkpoint is not None and (due or self.step == until_step):
                    self.save(checkpoint)
                tell(self.step, record.loss, batch, due)

    def save(self, path: str | Path) -> None:
        """Write all that the next steps depend on; errors as in `save_checkpoint`."""
        tensors: dict[str, Array] = {"history": as_rows(self.history)}
        notes: dict[str, Any] = {"step": self.step, "taken": self.taken}
        ### BEGIN SOLUTION 7.12
        for kind, owner in (("model", self.model), ("optimizer", self.optimizer)):
            tensors |= {f"{kind}.{name}": array for name, array in owner.state_dict().items()}
        notes |= {"lr": float(self.optimizer.lr), "generators": generator_states(self.model)}
        ### END SOLUTION
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
            ### BEGIN SOLUTION 7.12
            while self.taken < notes["taken"]:
                self.next_batch()
            self.model.load_state_dict(states["model"])
            self.optimizer.load_state_dict(states["optimizer"])
            set_generator_states(self.model, notes["generators"])
            self.optimizer.lr, self.step = notes["lr"], notes["step"]
            self.history = as_records(tensors["history"])
            ### END SOLUTION
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


# %% test-7.9 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: next_batch...")
    checks.next_batch(Trainer)
    print("✅ next_batch: pass after pass, none ahead of time")

# %% test-7.10 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: train_step...")
    checks.train_step(Trainer)
    print("✅ train_step: schedule, gradients, clipping, update; what is not finite is refused")

# %% test-7.11 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: train...")
    checks.train(Trainer)
    print("✅ train: a record a step, evaluated when it is time")

# %% test-7.12 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: save, resume...")
    checks.resume(Trainer)
    print("✅ save, resume: the same bits as a run that was never interrupted")


# %% [markdown]
# ## Cut off, and gone on
#
# Two moons, twice. One run goes through; one is cut off, and a new process would know nothing of it but the file. Dropout, shuffling, AdamW's
# averages and the schedule all go on where they were: the difference is exactly zero.

# %% interrupted
def new_run(**options: Any) -> Trainer:
    """The same run each time it is made: seeds, data, schedule."""
    model = small_model()
    optimizer = AdamW(model.parameters(), weight_decay=0.0)
    batches = Shuffled(*train_set, size=50, seed=3)
    schedule = partial(warmup_cosine, warmup_steps=20, total_steps=300, max_lr=0.03)
    return Trainer(model, optimizer, loss_of, batches, schedule=schedule, max_norm=1.0, **options)


def right_ones(model: Layer) -> float:
    """The share of held-out points whose moon is found."""
    before = model.training
    scores = model.eval()(Tensor(held_out[0]))
    model.train(before)
    return accuracy(scores, held_out[1])


if __name__ == "__main__":
    through = new_run()
    through.train(300, every=100, evaluation=lambda: evaluate(through.model, [held_out], loss_of))
    for record in through.history[::60] + through.history[-1:]:
        print(f"step {record.step:3}: loss {record.loss:.3f}, lr {record.lr:.4f}")
    print("held out:", [round(r.val_loss, 3) for r in through.history if r.val_loss is not None])
    print(f"right: {right_ones(through.model):.1%} of the held-out points")

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "moons.safetensors")
        new_run().train(130, checkpoint=file)
        again = new_run()
        again.resume(file)
        again.train(300)
        print(f"the file: {file.stat().st_size:,} bytes, the model {again.step - 130} steps later:")
    pairs = zip(through.model.parameters(), again.model.parameters(), strict=True)
    print("largest difference:", max(np.abs(a.data - b.data).max() for a, b in pairs))

# %% [markdown]
# ## The same in threads
#
# `DataParallel` in the place of `backward_in_parts`: one argument. The random numbers of dropout are others, so the losses are not the same; they go
# the same way. `draw_loss` (given) draws them beside each other.

# %% threads
if __name__ == "__main__":
    threaded = new_run(gradients=DataParallel(2))
    threaded.train(300)
    for name, run in (("one pass", through), ("two threads", threaded)):
        losses = [record.loss for record in run.history]
        print(f"{name:>11}: mean loss of the last 50 steps {np.mean(losses[-50:]):.3f}")
    reference = [(record.step, record.loss) for record in threaded.history]
    in_pictures(draw_loss, through.history, None, reference)

# %% [markdown]
# ## What is left out, and why
#
# - **Several processes or machines.** The arithmetic is that of `DataParallel`; the transport is not. PyTorch's DistributedDataParallel takes over there.
# - **Sums of layers that change while they run.** Batch normalisation keeps averages; in a copy they are lost, in PyTorch's threads as well.
# - **Early stopping and best checkpoint.** A few lines over `history`, different in each project.
# - **Mixed precision.** NumPy has no fast float16.
#
# ## Report

# %% report
if __name__ == "__main__":
    print("📈 Progress: Training ✓  (evaluate, parts, threads, checkpoints, Trainer)")
    print("💡 Next: tito module complete 07, then module 08 (dataloader)")
