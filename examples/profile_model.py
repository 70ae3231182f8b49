"""Say what a model costs, by op: operations and bytes counted, time and memory measured.

    python examples/profile_model.py                          # the small GPT of module 13
    python examples/profile_model.py my_model.py --draw roofline.png

`my_model.py` defines `model`, a layer or a function of tensors, and `inputs`, a tuple of what it
is called with; a tensor of floats counts as one that learns. A mask goes into `options`, a dict.

Operations are 2 a multiply-add. `products` equals what PyTorch's FlopCounterMode counts.
"""

import argparse
import runpy
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import own_package  # noqa: F401

from tinytorch.core.attention import vectorized_attention
from tinytorch.core.autograd import no_grad
from tinytorch.core.profiling import (
    count_ops,
    measure,
    measure_machine,
    peak_memory,
    recorded_nodes,
    time_ops,
)
from tinytorch.core.transformers import GPT, GPTConfig
from tinytorch.pictures import in_pictures
from tinytorch.profile_view import draw_roofline, text_table

Example = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class NoModelError(Exception):
    """What a file lacks; errors of the model itself keep their own way to the screen."""


def small_gpt() -> Example:
    """A GPT of four layers, and one text of 64 ids."""
    rng = np.random.default_rng(0)
    model = GPT(GPTConfig(vocab_size=65), vectorized_attention, rng=rng).eval()
    return model, (rng.integers(0, 65, (1, 64)),), {}


def read_model(path: Path) -> Example:
    """Run a file and take `model`, `inputs` and, where it has them, `options` out of it.

    Raises:
        NoModelError: there is no such file, or one of the names is missing or of another kind.
    """
    if not path.is_file():
        raise NoModelError(f"{path}: no such file; it must define `model` and `inputs`")
    sys.path.insert(0, str(path.resolve().parent))  # it may import what stands beside it
    names = runpy.run_path(str(path))
    missing = [name for name in ("model", "inputs") if name not in names]
    if missing:
        raise NoModelError(f"{path} defines no {' and no '.join(missing)}")
    model, inputs, options = names["model"], names["inputs"], names.get("options", {})
    if not callable(model):
        raise NoModelError(f"{path}: model must be a layer or a function; it is {model!r}")
    if not isinstance(inputs, tuple | list):
        kind = type(inputs).__name__
        raise NoModelError(f"{path}: inputs must be a tuple; it is a {kind}: inputs = (x,)?")
    if not isinstance(options, dict):
        raise NoModelError(f"{path}: options must be a dict; it is a {type(options).__name__}")
    return model, tuple(inputs), options


def report(example: Example, repeats: int, draw: Path | None) -> None:
    """Print the table and what was measured; draw the roofline."""
    model, inputs, options = example
    nodes = recorded_nodes(model, *inputs, **options)
    rows, seconds, machine = count_ops(nodes), time_ops(nodes, repeats), measure_machine()
    print(text_table(rows, seconds))
    call = partial(model, *inputs, **options)
    with no_grad():
        timing, forgetting = measure(call, repeats), peak_memory(call)
    print(f"one call, in no_grad: {timing.median * 1e3:.2f} ms; half of {repeats} calls", end="")
    print(f" took {timing.low * 1e3:.2f} to {timing.high * 1e3:.2f} ms")
    alone = sum(seconds.values())
    print(f"its ops alone, each again on the same arrays: {alone * 1e3:.2f} ms; the rest is Python")
    print(f"peak memory above the model: {forgetting:,} bytes in no_grad,", end="")
    print(f" {peak_memory(call):,} where all is remembered for backward")
    print(f"this machine: {machine.peak_flops / 1e9:.1f} GFLOP/s in a large product,", end="")
    print(f" {machine.bandwidth / 1e9:.1f} GB/s in a large copy (float32, fast quartile)")
    if draw:
        in_pictures(draw_roofline, rows, machine.peak_flops, machine.bandwidth, seconds, draw)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path, help="defines model and inputs")
    parser.add_argument("--repeats", type=int, default=11, help="calls of each measurement")
    parser.add_argument("--draw", type=Path, metavar="FILE", help="where to save the roofline")
    chosen = parser.parse_args(arguments)
    if chosen.repeats < 1:
        parser.error("--repeats must be at least 1")
    try:
        example = read_model(chosen.file) if chosen.file else small_gpt()
    except NoModelError as error:
        print(error, file=sys.stderr)
        return 2
    report(example, chosen.repeats, chosen.draw)
    return 0


if __name__ == "__main__":
    sys.exit(main())
