# 14. Profiling
# Made from modules/14_profiling/profiling_dev.py by `tito export`: edit that, not this.
# sha256 of the lines below: db0f59e86f1d7a1677b380b375c1e3e161f7a74d482f6bb873f77508dd3dd741


# cell: imports
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


# cell: 14.1-matmul-flops
def matmul_flops(a: Sequence[int], b: Sequence[int]) -> int:
    """Count the operations of a matrix product from its shapes, 2 a multiply-add.

    Args:
        a: the left shape, (..., n, k) or (k,).
        b: the right shape, (..., k, m) or (k,).

    Returns:
        How many; leading axes broadcast.
    """
    n = a[-2] if len(a) > 1 else 1
    m = b[-1] if len(b) > 1 else 1
    return 2 * math.prod(broadcast_shape(a[:-2], b[:-2])) * n * a[-1] * m


# cell: steps
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


# cell: 14.2-op-flops
def op_flops(node: Node) -> tuple[int, int]:
    """Count the operations that made a tensor, forward only.

    Args:
        node: how it was made.

    Returns:
        Those of a matrix product, 2 a multiply-add; and all others.

    Raises:
        ValueError: `STEPS` does not know the op; the message names it.
    """
    name = node.op.__name__
    if name not in STEPS:
        raise ValueError(f"op {name} has no count; say what a number costs: STEPS[{name!r}] = 1")
    output, first, *_ = node.seen.arrays
    products = 2 * np.size(output) * first.shape[-1] if name in PRODUCTS else 0
    numbers = np.size(first) if name in REDUCTIONS else np.size(output)
    return products, STEPS[name] * numbers


# cell: 14.3-backward-flops
def backward_flops(node: Node) -> int:
    """Count the operations of the matrix products that the backward pass of a node needs.

    Args:
        node: how a tensor was made.

    Returns:
        How many, 2 a multiply-add; 0 where the op is no product.
    """
    wanted = sum(isinstance(x, Tensor) and x.requires_grad for x in node.inputs)
    return op_flops(node)[0] * wanted


# cell: 14.4-op-bytes
def op_bytes(node: Node) -> int:
    """Count the bytes that an op has to read and to write at least.

    Args:
        node: how a tensor was made.

    Returns:
        Bytes of the input arrays and of the output; 0 where the output is a view of an input.
    """
    output, *inputs = node.seen.arrays
    arrays = [x for x in inputs if isinstance(x, np.ndarray)]
    if any(np.may_share_memory(output, x) for x in arrays):
        return 0
    read = output.nbytes if node.op.__name__ in PICKS else sum(x.nbytes for x in arrays)
    return int(read + output.nbytes)


# cell: row
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


# cell: 14.5-count-ops
def count_ops(nodes: Iterable[Node]) -> list[Row]:
    """Add up what nodes cost, by op.

    Args:
        nodes: how tensors were made, inputs first.

    Returns:
        A row for each op: most products first, then most others, then in the order they came.

    Raises:
        ValueError: as in `op_flops`.
    """
    groups: dict[str, list[Node]] = {}
    for node in nodes:
        groups.setdefault(node.op.__name__, []).append(node)
    rows = []
    for name, group in groups.items():
        products, others = (sum(counts) for counts in zip(*map(op_flops, group), strict=True))
        backward, moved = sum(map(backward_flops, group)), sum(map(op_bytes, group))
        rows.append(Row(name, len(group), products, others, backward, moved))
    return sorted(rows, key=lambda row: (-row.products, -row.others))


# cell: profile
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


# cell: timing
@dataclass(frozen=True)
class Timing:
    """Seconds of one call: half of all calls took between `low` and `high`."""

    low: float
    median: float
    high: float


# cell: 14.6-measure
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
    for _ in range(warm_up):
        function()
    seconds = []
    for _ in range(repeats):
        start = clock()
        function()
        seconds.append(clock() - start)
    low, median, high = np.percentile(seconds, [25, 50, 75]).tolist()
    return Timing(low, median, high)


# cell: 14.7-peak-memory
def peak_memory(function: Callable[[], Any]) -> int:
    """Measure how many bytes a call needs at once, above what was there before.

    Args:
        function: takes no arguments.

    Returns:
        Bytes, as Python and NumPy asked for them; its result counts, too.
    """
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


# cell: 14.8-roofline
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
    return np.minimum(peak_flops, np.asarray(intensity) * bandwidth)


# cell: machine
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


# cell: 14.9-fit-exponent
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
    if len(set(sizes)) < 2 or min(sizes) <= 0:
        raise ValueError(f"sizes must be positive, two of them different; got {list(sizes)}")
    x, y = (np.log(np.array(one, float)) for one in (sizes, counts))
    x -= x.mean()
    y -= y.mean()
    return float(x @ y / (x @ x))


__all__ = [
    "PICKS",
    "PRODUCTS",
    "REDUCTIONS",
    "STEPS",
    "Machine",
    "Row",
    "Timing",
    "backward_flops",
    "count_ops",
    "everything_recorded",
    "fit_exponent",
    "matmul_flops",
    "measure",
    "measure_machine",
    "nodes_of",
    "op_bytes",
    "op_flops",
    "peak_memory",
    "profile",
    "recorded_nodes",
    "roofline",
    "time_ops",
]
