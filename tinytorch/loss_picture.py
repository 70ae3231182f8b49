"""A picture of a training's loss: given, with Matplotlib, of the extra `viz`."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any


def draw_loss(
    history: Sequence[Any],
    path: str | Path | None = None,
    reference: Iterable[Sequence[float]] | None = None,
) -> Any:
    """Draw the loss of each step, and the losses on other data where there are some.

    Args:
        history: records with `step`, `loss` and `val_loss`, as a `Trainer` keeps them.
        path: where to save the picture; None: nowhere. The file's ending says the format.
        reference: a curve to draw beside it, as pairs of (step, loss).

    Returns:
        A Matplotlib figure.
    """
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    axes.plot(
        [record.step for record in history], [record.loss for record in history],
        color="0.7", linewidth=0.8, label="one batch",
    )  # fmt: skip
    seen = [(record.step, record.val_loss) for record in history if record.val_loss is not None]
    if seen:
        axes.plot(*zip(*seen, strict=True), marker="o", markersize=3, label="held-out data")
    if reference is not None:
        axes.plot(*zip(*reference, strict=True), linestyle="--", color="black", label="reference")
    axes.set(xlabel="step", ylabel="loss")
    axes.legend()
    if path is not None:
        figure.savefig(path)
    return figure
