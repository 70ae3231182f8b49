"""What a profile looks like: a table for the terminal, and a roofline with Matplotlib. Given."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

COUNTS = ("calls", "products", "others", "backward", "bytes")


def text_table(rows: Sequence[Any], seconds: Mapping[str, float] | None = None) -> str:
    """Write rows of counts as a table, with a total.

    Args:
        rows: records with `op`, `calls`, `products`, `others`, `backward`, `bytes` and
            `intensity`, as `profile` gives them.
        seconds: measured seconds by op; None: no column of them.

    Returns:
        The table; the last column but the seconds is operations a byte.
    """
    lines = [[row.op, *(getattr(row, name) for name in COUNTS)] for row in rows]
    lines.append(["total", *(sum(getattr(row, name) for row in rows) for name in COUNTS)])
    cells = [["op", *COUNTS, "a byte"]]
    for name, *numbers in lines:
        _, products, others, _, moved = numbers
        intensity = (products + others) / moved if moved else 0.0
        cells.append([name, *(f"{number:,}" for number in numbers), f"{intensity:.2f}"])
    if seconds is not None:
        spent = [*(seconds.get(row.op, 0.0) for row in rows), sum(seconds.values())]
        for line, last in zip(cells, ["ms", *(f"{each * 1e3:.3f}" for each in spent)], strict=True):
            line.append(last)
    columns = [aligned(column) for column in zip(*cells, strict=True)]
    return "\n".join("  ".join(line) for line in zip(*columns, strict=True))


def aligned(column: Sequence[str]) -> list[str]:
    """Pad the cells of a column to one width: names on the right, numbers on the left."""
    width = max(map(len, column))
    return [cell.ljust(width) if column[0] == "op" else cell.rjust(width) for cell in column]


def draw_roofline(
    rows: Sequence[Any],
    peak_flops: float,
    bandwidth: float,
    seconds: Mapping[str, float],
    path: str | Path | None = None,
) -> Any:
    """Draw the limits of a machine, and what each op reached below them.

    Args:
        rows: records as for `text_table`; those without operations or bytes are left out.
        peak_flops: operations a second that the machine reaches at best.
        bandwidth: bytes a second between memory and processor.
        seconds: measured seconds by op.
        path: where to save the picture; None: nowhere. The file's ending says the format.

    Returns:
        A Matplotlib figure.
    """
    import matplotlib.pyplot as plt

    shown = [row for row in rows if row.intensity and seconds.get(row.op)]
    ridge = peak_flops / bandwidth
    ends = [min([ridge / 100, *(r.intensity / 2 for r in shown)])]
    ends += [ridge, max([ridge * 10, *(r.intensity * 2 for r in shown)])]
    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    axes.loglog(ends, [min(peak_flops, x * bandwidth) for x in ends], color="black")
    for row in shown:
        reached = (row.products + row.others) / seconds[row.op]
        axes.plot(row.intensity, reached, "o", label=row.op)
    title = f"{peak_flops / 1e9:.1f} GFLOP/s, {bandwidth / 1e9:.1f} GB/s, measured"
    axes.set(xlabel="operations a byte", ylabel="operations a second", title=title)
    if shown:
        figure.legend(loc="outside right center")
    if path is not None:
        figure.savefig(path)
    return figure
