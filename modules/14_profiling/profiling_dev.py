# %% [markdown]
# # 14. Profiling
#
# A model runs. What does it cost, and what is the limit? The graph of module 01 gives operations and bytes exactly: each
# node knows its op and its arrays. Time and memory are measured.
#
# **You will** count operations and bytes by op, measure time and memory without fooling yourself, draw a roofline, and
# fit the n² of attention.
#
# **Before you start:** modules 05, 12 and 13. **Time:** 3 hours.

# %% export-target
#| default_exp core.profiling

# %% setup
import sys
from pathlib import Path

here = Path(globals().get("__file__", "notebook")).resolve().parent
root = next(folder for folder in [here, *here.parents] if (folder / "tinytorch").is_dir())
sys.path[:0] = [str(root), str(here)]  # this folder's own tinytorch and checks

import profiling_checks as checks

# %% imports
#| export
import contextlib
import math
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from tinytorch.core.autograd import topological_order
from tinytorch.core.layers import Layer, require_size
from tinytorch.core.tensor import Node, Op, Tensor, broadcast_shape
from tinytorch.tensor_base import widened

# %% [markdown]
# ## One example for the whole module
#
# A small GPT of module 13 reads one text of 64 characters. Attention is the matrix form of module 12.

# %% small-gpt
from tinytorch.core.attention import scaled_dot_product_attention, vectorized_attention
from tinytorch.core.losses import cross_entropy
from tinytorch.core.transformers import GPT, GPTConfig
from tinytorch.profile_view import text_table

config = GPTConfig(vocab_size=65, context_len=64, num_layers=2, num_heads=4, embed_dim=32)
model = GPT(config, vectorized_attention, rng=np.random.default_rng(14))
ids = np.random.default_rng(14).integers(0, 65, (1, 64))  # (batch, seq_len)

if __name__ == "__main__":
    print("parameters:", sum(parameter.data.size for parameter in model.parameters()))


# %% [markdown]
# ## Operations
#
# A FLOP is one floating-point operation. **The convention here: a multiply-add is 2**, as in PyTorch's `FlopCounterMode`.
# Papers that count it as 1 report half as much. FLOP/s, operations a second, is another thing: a speed.

# %% [markdown]
# ### Exercise 14.1: matmul_flops
#
# Each number of a product is a dot product of length k: k multiplications, k additions.
#
# $$(\dots, n, k) @ (\dots, k, m): \qquad 2 \cdot \text{batch} \cdot n \cdot k \cdot m$$
#
# **Plan.** 1. The sizes n, k, m; a vector is one row (left) or one column (right). 2. The leading axes, broadcast: their
# sizes multiply to the batch.
#
# <details><summary>Hint</summary>
#
# `a[-1]` is k. The given `broadcast_shape` joins the leading axes `a[:-2]` and `b[:-2]`; `math.prod` of nothing is 1.
#
# </details>

# %% 14.1-matmul-flops
#| export
def matmul_flops(a: Sequence[int], b: Sequence[int]) -> int:
    """Count the operations of a matrix product from its shapes, 2 a multiply-add.

    Args:
        a: the left shape, (..., n, k) or (k,).
        b: the right shape, (..., k, m) or (k,).

    Returns:
        How many; leading axes broadcast.
    """
    ### BEGIN SOLUTION 14.1
    n = a[-2] if len(a) > 1 else 1
    m = b[-1] if len(b) > 1 else 1
    return 2 * math.prod(broadcast_shape(a[:-2], b[:-2])) * n * a[-1] * m
    ### END SOLUTION


# %% test-14.1 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: matmul_flops...")
    checks.matmul_flops(matmul_flops, (2, 3), (3, 5), gives=60)
    print("✅ matmul_flops: as many as a product with counting numbers makes")

# %% [markdown]
# ## What else a node costs
#
# `Node` holds the op, its inputs, and `seen.arrays`: the output, then each input, as the op saw them. Four ops are
# products: each number of the output is a dot product along the last axis of the first input.
#
# The rest is counted apart, by a table: how many operations for each number. An `exp` counts as one. What only moves
# numbers has 0. Compound ops have what their code does.

# %% steps
#| export
PRODUCTS = {"matmul", "attention_scores", "weighted_sum", "attention_weights"}
REDUCTIONS = {"reduce_sum", "reduce_max", "softmax_cross_entropy"}  # on each number that goes in
PICKS = {"index", "embedding_lookup"}  # read no more than they write
STEPS = {  # operations for each number, besides a product
    "transpose": 0, "reshape": 0, "index": 0, "embedding_lookup": 0, "masked_fill": 0, "where": 0,
    "concatenate": 0, "stack": 0, "cast": 0, "matmul": 0, "attention_scores": 0, "weighted_sum": 0,
    "add": 1, "subtract": 1, "multiply": 1, "divide": 1, "power": 1, "exponential": 1,
    "exp": 1, "log": 1, "tanh": 1, "erf": 1, "reduce_sum": 1, "reduce_max": 1,
    "attention_weights": 5,  # maximum, difference, exp, sum, quotient
    "layer_norm": 7,  # mean, difference, square, its mean, quotient, weight, bias
    "rms_norm": 4, "rotary": 3, "gelu_tanh": 8,
    "softmax_cross_entropy": 4, "sigmoid_cross_entropy": 9,
}  # fmt: skip


# %% [markdown]
# ### Exercise 14.2: op_flops
#
# Two numbers for a node: those of a product, and all others.
#
# $$\text{products} = 2 \cdot \text{numbers of the output} \cdot \text{last size of the first input}$$
# $$\text{others} = \text{STEPS} \cdot \text{numbers of the output (REDUCTIONS: of the first input)}$$
#
# **Plan.** 1. A `ValueError` that names an op without an entry in `STEPS`: a guess would be no count. 2. Products: 0 unless
# the op is one of `PRODUCTS`. 3. Others.
#
# <details><summary>Hint</summary>
#
# `output, first, *_ = node.seen.arrays`. The name is `node.op.__name__`. An input may be a plain number: `np.size`.
#
# </details>

# %% 14.2-op-flops
#| export
def op_flops(node: Node) -> tuple[int, int]:
    """Count the operations that made a tensor, forward only.

    Args:
        node: how it was made.

    Returns:
        Those of a matrix product, 2 a multiply-add; and all others.

    Raises:
        ValueError: `STEPS` does not know the op; the message names it.
    """
    ### BEGIN SOLUTION 14.2
    name = node.op.__name__
    if name not in STEPS:
        raise ValueError(f"op {name} has no count; say what a number costs: STEPS[{name!r}] = 1")
    output, first, *_ = node.seen.arrays
    products = 2 * np.size(output) * first.shape[-1] if name in PRODUCTS else 0
    numbers = np.size(first) if name in REDUCTIONS else np.size(output)
    return products, STEPS[name] * numbers
    ### END SOLUTION


# %% test-14.2 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: op_flops...")
    checks.op_flops(op_flops)
    print("✅ op_flops: products and others apart, an unknown op named")


# %% [markdown]
# ### Exercise 14.3: backward_flops
#
# The rule of a product makes two products, one for each input. Each has as many multiply-adds as the forward one:
#
# $$G_A = G B^\top \;(n \cdot m \cdot k) \qquad G_B = A^\top G \;(k \cdot n \cdot m)$$
#
# An input that requires no gradient, such as the data, needs none. (The rule of module 05 computes it all the same; what is
# counted here is what is needed.)
#
# **Plan.** Products of the node, times its inputs that require a gradient.
#
# <details><summary>Hint</summary>
#
# `node.inputs` may hold plain numbers, which have no `requires_grad`.
#
# </details>

# %% 14.3-backward-flops
#| export
def backward_flops(node: Node) -> int:
    """Count the operations of the matrix products that the backward pass of a node needs.

    Args:
        node: how a tensor was made.

    Returns:
        How many, 2 a multiply-add; 0 where the op is no product.
    """
    ### BEGIN SOLUTION 14.3
    wanted = sum(isinstance(x, Tensor) and x.requires_grad for x in node.inputs)
    return op_flops(node)[0] * wanted
    ### END SOLUTION


# %% test-14.3 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: backward_flops...")
    checks.backward_flops(backward_flops)
    print("✅ backward_flops: one product for each input that learns")


# %% [markdown]
# ## Bytes
#
# ### Exercise 14.4: op_bytes
#
# The convention: an op reads each input array once and writes its output once. A view moves nothing. What picks (`PICKS`)
# reads as much as it writes. Options, such as masks and ids, are not counted.
#
# **Plan.** 1. The arrays among the inputs. 2. 0 if the output shares memory with one. 3. Read, plus written.
#
# <details><summary>Hint</summary>
#
# `array.nbytes`; `np.may_share_memory(output, x)` is true of a view.
#
# </details>

# %% 14.4-op-bytes
#| export
def op_bytes(node: Node) -> int:
    """Count the bytes that an op has to read and to write at least.

    Args:
        node: how a tensor was made.

    Returns:
        Bytes of the input arrays and of the output; 0 where the output is a view of an input.
    """
    ### BEGIN SOLUTION 14.4
    output, *inputs = node.seen.arrays
    arrays = [x for x in inputs if isinstance(x, np.ndarray)]
    if any(np.may_share_memory(output, x) for x in arrays):
        return 0
    read = output.nbytes if node.op.__name__ in PICKS else sum(x.nbytes for x in arrays)
    return int(read + output.nbytes)
    ### END SOLUTION


# %% test-14.4 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: op_bytes...")
    checks.op_bytes(op_bytes)
    print("✅ op_bytes: read and written, views free, copies paid")


# %% [markdown]
# ## A table by op
#
# A `Row` holds the counts of all nodes of one op. Its **intensity** is operations for each byte. In float32, an `add` of two
# arrays does 1 operation for 12 bytes. A product of n × n matrices does 2n³ for 12n²: n / 6 a byte.

# %% row
#| export
@dataclass(frozen=True)
class Row:
    """What all calls of one op cost: counts, no measurements."""

    op: str
    calls: int
    products: int  # operations in matrix products, forward
    others: int  # all other operations, forward
    backward: int  # operations in the products that the backward pass needs
    bytes: int  # read and written, forward

    @property
    def intensity(self) -> float:
        """Operations a byte; 0 where nothing is moved."""
        return (self.products + self.others) / self.bytes if self.bytes else 0.0


# %% [markdown]
# ### Exercise 14.5: count_ops
#
# **Plan.** 1. Collect the nodes of each op. 2. A `Row` for each, every count summed. 3. Most `products` first, then most
# `others`; equal rows stay in the order in which their ops came.
#
# <details><summary>Hint</summary>
#
# `groups.setdefault(name, []).append(node)` keeps the order of arrival. `sorted` leaves equals as they were.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# `key=lambda row: (-row.products, -row.others)`.
#
# </details>

# %% 14.5-count-ops
#| export
def count_ops(nodes: Iterable[Node]) -> list[Row]:
    """Add up what nodes cost, by op.

    Args:
        nodes: how tensors were made, inputs first.

    Returns:
        A row for each op: most products first, then most others, then in the order they came.

    Raises:
        ValueError: as in `op_flops`.
    """
    ### BEGIN SOLUTION 14.5
    groups: dict[str, list[Node]] = {}
    for node in nodes:
        groups.setdefault(node.op.__name__, []).append(node)
    rows = []
    for name, group in groups.items():
        products, others = (sum(counts) for counts in zip(*map(op_flops, group), strict=True))
        backward, moved = sum(map(backward_flops, group)), sum(map(op_bytes, group))
        rows.append(Row(name, len(group), products, others, backward, moved))
    return sorted(rows, key=lambda row: (-row.products, -row.others))
    ### END SOLUTION


# %% test-14.5 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: count_ops...")
    checks.count_ops(count_ops, Row)
    print("✅ count_ops: a row for each op, in order")


# %% [markdown]
# ## From a call to its nodes (given)
#
# `profile` calls a function and walks back from what it returns. Only what a gradient can pass is remembered: so for the
# call every parameter learns, and every positional tensor of floats. A mask goes by name: it is a constant.
#
# Not counted: what is computed from constants alone, such as a mask or the maximum inside `softmax`, and what the result
# does not depend on.

# %% profile
#| export
def nodes_of(result: Any) -> list[Node]:
    """List how a result was made, inputs first, each node once.

    Args:
        result: a tensor, or tensors in lists, tuples and dicts.

    Returns:
        The nodes; none where nothing was remembered.
    """
    if isinstance(result, Tensor):
        return [tensor.node for tensor in topological_order(result) if tensor.node is not None]
    parts = result.values() if isinstance(result, dict) else result
    found = map(nodes_of, parts) if isinstance(parts, Iterable) else ()
    return list({id(node): node for nodes in found for node in nodes}.values())


@contextlib.contextmanager
def everything_recorded(function: Any) -> Iterator[None]:
    """Remember each op inside the block: in `no_grad`, too, and of a layer's frozen parameters."""
    parameters = function.parameters() if isinstance(function, Layer) else []
    frozen = [parameter for parameter in parameters if not parameter.requires_grad]
    before, Op.recording = Op.recording, True
    for parameter in frozen:
        parameter.requires_grad = True
    try:
        yield
    finally:
        Op.recording = before
        for parameter in frozen:
            parameter.requires_grad = False


def recorded_nodes(function: Callable[..., Any], *inputs: Any, **options: Any) -> list[Node]:
    """Call a function and list the nodes of what it returns.

    Args:
        function: a layer, or any function of tensors.
        inputs: handed over; a tensor of floats as a leaf that learns.
        options: handed over by name as they are: masks.

    Returns:
        The nodes, inputs first.

    Raises:
        ValueError: nothing was remembered.
    """
    leaves = [
        Tensor(x.data, requires_grad=True, dtype=x.dtype)
        if isinstance(x, Tensor) and x.dtype.kind == "f"
        else x
        for x in inputs
    ]
    with everything_recorded(function):
        nodes = nodes_of(function(*leaves, **options))
    if not nodes:
        raise ValueError(
            "the function returned no tensor made by an op from its positional tensors or its "
            "parameters; give tensors of floats, or a layer itself"
        )
    return nodes


def profile(function: Callable[..., Any], *inputs: Any, **options: Any) -> list[Row]:
    """Count operations and bytes of one call, by op.

    Args:
        function, inputs, options: as in `recorded_nodes`; a mask goes by name.

    Returns:
        Rows as in `count_ops`; `backward` is meant for gradients of the inputs, too.

    Raises:
        ValueError: nothing was remembered, or an op is unknown.
    """
    return count_ops(recorded_nodes(function, *inputs, **options))


# %% [markdown]
# The whole model. `products` equals what PyTorch counts for the same GPT; a test of this project compares them.

# %% gpt-by-op
if __name__ == "__main__":
    rows = profile(model, ids)
    print(text_table(rows))

# %% [markdown]
# ## The same number by hand
#
# Every token meets every weight of every matrix once, a multiply-add each. Attention adds two products of n × n × width a
# layer. A training step needs three times the forward products, since both inputs of each require a gradient here.

# %% by-hand
if __name__ == "__main__":
    n, width = 64, config.embed_dim
    names = dict(model.named_parameters())
    matrices = [p for name, p in names.items() if p.ndim == 2 and name != "positions.weight"]
    by_weights = 2 * n * sum(p.data.size for p in matrices)
    by_attention = config.num_layers * 2 * (2 * n * n * width)
    print(f"weights {by_weights:,} + attention {by_attention:,} = {by_weights + by_attention:,}")
    print(f"counted from the graph: {sum(row.products for row in rows):,}")
    trained = count_ops(nodes_of(cross_entropy(model(ids), ids)))
    forward, backward = (
        sum(getattr(r, name) for r in trained) for name in ("products", "backward")
    )
    print(f"a training step: {forward:,} + {backward:,} = {(forward + backward) / forward} times")


# %% [markdown]
# ## Time
#
# One measurement is an anecdote. The first calls are slow: memory is fetched, caches are cold. Other programs interrupt, so
# times have a tail, and a mean follows the tail. So: warm up, repeat, give the **median**, and show the quartiles.

# %% timing
#| export
@dataclass(frozen=True)
class Timing:
    """Seconds of one call: half of all calls took between `low` and `high`."""

    low: float
    median: float
    high: float


# %% [markdown]
# ### Exercise 14.6: measure
#
# **Plan.** 1. Call `warm_up` times and forget. 2. `repeats` times: read the clock, call, read the clock. 3. The quartiles of
# the differences: 25, 50 and 75 percent.
#
# The clock is an argument, so that a test can bring one of its own.
#
# <details><summary>Hint</summary>
#
# `np.percentile(seconds, [25, 50, 75])` gives the three.
#
# </details>

# %% 14.6-measure
#| export
def measure(
    function: Callable[[], Any],
    repeats: int = 11,
    warm_up: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> Timing:
    """Time a call: median and quartiles of several, after some that do not count.

    Args:
        function: takes no arguments.
        repeats: how many calls count, at least 1.
        warm_up: how many calls come before.
        clock: gives the time in seconds.

    Returns:
        The quartiles, in seconds; between two measurements they are interpolated.

    Raises:
        ValueError: `repeats` is no positive int.
    """
    require_size("repeats", repeats)
    ### BEGIN SOLUTION 14.6
    for _ in range(warm_up):
        function()
    seconds = []
    for _ in range(repeats):
        start = clock()
        function()
        seconds.append(clock() - start)
    low, median, high = np.percentile(seconds, [25, 50, 75]).tolist()
    return Timing(low, median, high)
    ### END SOLUTION


# %% test-14.6 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: measure...")
    checks.measure(measure)
    print("✅ measure: warm-up forgotten, median and quartiles, the clock that was given")

# %% [markdown]
# ## Mean and median
#
# Nine times of one call, in milliseconds; in one of them another program had the processor. The mean tells of that program.

# %% tail
if __name__ == "__main__":
    milliseconds = iter([2.0, 2.1, 1.9, 2.0, 30.0, 2.0, 2.2, 1.9, 2.1])
    readings = (t for each in milliseconds for t in (0.0, each))
    tail = measure(lambda: None, repeats=9, warm_up=0, clock=lambda: next(readings))
    print(tail, f"  mean {np.mean([2.0, 2.1, 1.9, 2.0, 30.0, 2.0, 2.2, 1.9, 2.1]):.2f}")
    timing = measure(lambda: model(ids), repeats=5)
    print(f"the model, here and now: {timing.median * 1e3:.1f} ms", end="")
    print(f" (half of the calls {timing.low * 1e3:.1f} to {timing.high * 1e3:.1f})")


# %% [markdown]
# ## Memory
#
# ### Exercise 14.7: peak_memory
#
# `tracemalloc` counts what Python and NumPy ask for. The peak of a call is the most that was not yet given back, above what
# was there before. It does not see what a C library such as BLAS takes for itself. It slows a program down: measure no
# time with it.
#
# **Plan.** 1. Start tracing, unless it runs. 2. Note the current bytes, reset the peak. 3. Call. 4. Peak minus noted. 5. Stop
# what you started, after an error, too.
#
# <details><summary>Hint</summary>
#
# `tracemalloc.get_traced_memory()` gives (current, peak). `try: ... finally: ...` runs the last part in any case.
#
# </details>

# %% 14.7-peak-memory
#| export
def peak_memory(function: Callable[[], Any]) -> int:
    """Measure how many bytes a call needs at once, above what was there before.

    Args:
        function: takes no arguments.

    Returns:
        Bytes, as Python and NumPy asked for them; its result counts, too.
    """
    ### BEGIN SOLUTION 14.7
    traced_before = tracemalloc.is_tracing()
    if not traced_before:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        function()
        _, peak = tracemalloc.get_traced_memory()
        return peak - before
    finally:
        if not traced_before:
            tracemalloc.stop()
    ### END SOLUTION


# %% test-14.7 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: peak_memory...")
    checks.peak_memory(peak_memory)
    print("✅ peak_memory: the highest, not the last; tracing left as it was")

# %% [markdown]
# ## What the graph keeps
#
# A forward pass that remembers keeps every array for the backward pass. In `no_grad` each goes as soon as it was used.

# %% kept
if __name__ == "__main__":
    from tinytorch.core.autograd import no_grad

    with no_grad():
        forgetting = peak_memory(lambda: model(ids))
    print(f"remembering {peak_memory(lambda: model(ids)):,} bytes, in no_grad {forgetting:,} bytes")


# %% [markdown]
# ## The roofline
#
# ### Exercise 14.8: roofline
#
# A machine has two limits: P operations a second, and B bytes a second. With I operations for each byte, memory
# allows I · B operations a second. The lower limit counts:
#
# $$\text{attainable} = \min(P,\; I \cdot B)$$
#
# Left of I = P / B memory is the limit, right of it arithmetic. Williams et al. 2009 drew it first.
#
# **Plan.** One line; it takes an array of intensities, too.
#
# <details><summary>Hint</summary>
#
# `min` takes no array; `np.minimum` does.
#
# </details>

# %% 14.8-roofline
#| export
def roofline(intensity: Any, peak_flops: float, bandwidth: float) -> Any:
    """Say how fast a machine can be at most, from operations a byte.

    Args:
        intensity: operations a byte, a number or an array of any shape.
        peak_flops: operations a second that the machine reaches at best.
        bandwidth: bytes a second between memory and processor.

    Returns:
        Operations a second, of the shape of `intensity`.

    Source: Williams, Waterman & Patterson 2009, "Roofline", section 3.
    """
    ### BEGIN SOLUTION 14.8
    return np.minimum(peak_flops, np.asarray(intensity) * bandwidth)
    ### END SOLUTION


# %% test-14.8 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: roofline...")
    checks.roofline(roofline)
    print("✅ roofline: the lower of two limits")


# %% [markdown]
# ## This machine (given)
#
# P is measured by a product of large matrices, which does much for each byte; B by a copy of an array too large for a cache.
# Both are what NumPy reaches here and now, not what a data sheet says. For a limit the fast quartile counts: noise only
# slows. `time_ops` runs each op of a graph again, alone.

# %% machine
#| export
@dataclass(frozen=True)
class Machine:
    """The two limits of a roofline."""

    peak_flops: float  # operations a second
    bandwidth: float  # bytes a second


def measure_machine(
    size: int = 768,
    copied_bytes: int = 1 << 26,
    clock: Callable[[], float] = time.perf_counter,
) -> Machine:
    """Measure this machine in float32: a product of matrices, and a copy.

    Args:
        size: of the square matrices.
        copied_bytes: of the array; more than the caches hold.
        clock: gives the time in seconds.

    Returns:
        What the fast quartile of several reached, since noise only slows; with as many threads as
        NumPy takes.
    """
    a, b = np.ones((2, size, size), np.float32)
    source, target = np.ones((2, copied_bytes // 4), np.float32)
    product = measure(lambda: a @ b, 11, clock=clock).low
    copy = measure(lambda: np.copyto(target, source), 11, clock=clock).low
    return Machine(matmul_flops(a.shape, b.shape) / product, 2 * source.nbytes / copy)


def time_ops(
    nodes: Iterable[Node], repeats: int = 5, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Run each node's op again, alone, and add the medians up, by op.

    Args:
        nodes: how tensors were made.
        repeats: calls of each.
        clock: gives the time in seconds.

    Returns:
        Seconds by the name of the op.
    """
    seconds: dict[str, float] = {}
    for node in nodes:
        name = node.op.__name__
        _, *arrays = node.seen.read(name)
        again = partial(node.op.forward, *map(widened, arrays), **node.options)
        seconds[name] = seconds.get(name, 0.0) + measure(again, repeats, clock=clock).median
    return seconds


# %% [markdown]
# The arrays of this model are small. Some fit into a cache, which is faster than memory: such an op may be above its limit.
# And each op costs Python's own time, which no roofline shows: such an op is far below.

# %% roofline-here
if __name__ == "__main__":
    machine = measure_machine()
    ridge = machine.peak_flops / machine.bandwidth
    print(f"{machine.peak_flops / 1e9:.1f} GFLOP/s, {machine.bandwidth / 1e9:.1f} GB/s", end="; ")
    print(f"arithmetic is the limit from {ridge:.1f} operations a byte")
    seconds = time_ops(recorded_nodes(model, ids))
    for row in rows[:6]:
        limit = roofline(row.intensity, machine.peak_flops, machine.bandwidth)
        reached = (row.products + row.others) / seconds[row.op]
        print(f"{row.op:>14}: {row.intensity:5.2f} a byte, ", end="")
        print(f"at most {limit / 1e9:6.2f} GFLOP/s, reached {reached / 1e9:6.2f}")


# %% [markdown]
# ## Growth
#
# ### Exercise 14.9: fit_exponent
#
# If the cost is c · n^p, its logarithm is a straight line in log n with the slope p. The best line, by least squares, of
# x = log n and y = log cost:
#
# $$p = \frac{\sum (x_i - \bar x)(y_i - \bar y)}{\sum (x_i - \bar x)^2}$$
#
# **Plan.** 1. Logarithms. 2. A `ValueError` that names `sizes` unless two of them differ. 3. The slope, a float.
#
# <details><summary>Hint</summary>
#
# Subtract the mean from both; two dot products are left.
#
# </details>

# %% 14.9-fit-exponent
#| export
def fit_exponent(sizes: Sequence[float], counts: Sequence[float]) -> float:
    """Fit counts = c · sizes^p by least squares of the logarithms, and return p.

    Args:
        sizes: positive, at least two different ones.
        counts: operations, bytes or seconds; positive, one for each size.

    Returns:
        The exponent p.

    Raises:
        ValueError: there are no two different sizes, not one count for each, or one is not
            positive; the message names the argument.
    """
    if len(sizes) != len(counts) or min(counts, default=0) <= 0:
        raise ValueError(f"counts must be positive, one for each size; got {list(counts)}")
    ### BEGIN SOLUTION 14.9
    if len(set(sizes)) < 2 or min(sizes) <= 0:
        raise ValueError(f"sizes must be positive, two of them different; got {list(sizes)}")
    x, y = (np.log(np.array(one, float)) for one in (sizes, counts))
    x -= x.mean()
    y -= y.mean()
    return float(x @ y / (x @ x))
    ### END SOLUTION


# %% test-14.9 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: fit_exponent...")
    checks.fit_exponent(fit_exponent, [1, 2, 4], [3, 12, 48], gives=2.0)
    print("✅ fit_exponent: the slope of the best line, in logarithms")

# %% [markdown]
# ## n²
#
# Attention alone over n words, width 32. The products have the exponent 2, exactly. Bytes have a little less: Q, K and V grow
# with n alone. Time has less still where n is small, since each op has a cost that does not depend on n. The quartiles show
# how far to trust it.

# %% n-squared
if __name__ == "__main__":
    sizes, counts, moved, times, peaks = [64, 128, 256, 512], [], [], [], []
    for n in sizes:
        Q = Tensor(np.random.default_rng(n).normal(size=(1, n, 32)))
        table = profile(vectorized_attention, Q, Q, Q)
        counts.append(sum(row.products for row in table))
        moved.append(sum(row.bytes for row in table))
        timing = measure(partial(vectorized_attention, Q, Q, Q), repeats=9)
        times.append(timing.median)
        peaks.append(peak_memory(partial(vectorized_attention, Q, Q, Q)))
        print(
            f"n {n:4}: {counts[-1]:>10,} operations in products, {timing.median * 1e6:8.0f} µs",
            end="",
        )
        print(f" ({timing.low * 1e6:.0f} to {timing.high * 1e6:.0f}), {peaks[-1]:>10,} bytes")
    every = {"products": counts, "bytes moved": moved, "median time": times, "peak memory": peaks}
    for what, values in every.items():
        print(f"exponent of {what}: {fit_exponent(sizes, values):.2f}")

# %% [markdown]
# ## Where n² takes over
#
# The four projections of multi-head attention cost 8 n d², the pairs 4 n² d. They are equal at n = 2 d. The exponent of
# the whole grows from 1 to 2 around there.

# %% take-over
if __name__ == "__main__":
    from tinytorch.core.attention import MultiHeadAttention

    layer = MultiHeadAttention(32, 4, vectorized_attention, rng=np.random.default_rng(14))
    for n in (8, 64, 512):
        pair = [(n, profile(layer, Tensor(np.zeros((1, n, 32))))) for n in (n, 2 * n)]
        totals = [sum(row.products for row in table) for _, table in pair]
        print(f"n from {n} to {2 * n}: exponent {fit_exponent([n, 2 * n], totals):.2f}")

# %% [markdown]
# ## The same work, in loops
#
# Loops and matrix form do the same multiply-adds; the count cannot tell them apart, the clock can.

# %% loops
if __name__ == "__main__":
    Q = Tensor(np.random.default_rng(14).normal(size=(1, 48, 32)))
    for attention in (scaled_dot_product_attention, vectorized_attention):
        total = sum(row.products for row in profile(attention, Q, Q, Q))
        timing = measure(partial(attention, Q, Q, Q), repeats=5)
        print(f"{attention.__name__:>28}: {total:,} operations, {timing.median * 1e3:.2f} ms")

# %% [markdown]
# ## What is left out, and why
#
# - **Arrays between the steps of one op.** NumPy writes and reads them; bytes here are the least an op needs.
# - **Caches.** Bandwidth is that of main memory. What fits into a cache can be faster than this roofline.
# - **Gradients by op.** `backward` counts products alone; other rules differ from op to op.
# - **GPUs.** They have a clock and a roofline of their own, drawn in the same way.
#
# ## Report

# %% report
if __name__ == "__main__":
    print("📈 Progress: Profiling ✓  (profile, measure, peak_memory, roofline, fit_exponent)")
    print("💡 Next: tito module complete 14, then python examples/profile_model.py")
