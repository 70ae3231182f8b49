"""Draws docs/attention.png, the picture of the README: `python docs/picture.py`.

The sentence and the functions are those of module 12's file. The numbers stand in the picture's own
text, where a test compares them.
"""

import json
import math
import runpy
from pathlib import Path
from typing import Any

from tinytorch.pictures import draw_steps

HERE = Path(__file__).parent
PICTURE = HERE / "attention.png"


def lesson() -> dict[str, Any]:
    """What module 12's file defines; nothing of it prints when it is only read."""
    return runpy.run_path(str(HERE.parent / "modules" / "12_attention" / "attention_dev.py"))


def steps(names: dict[str, Any]) -> list[Any]:
    """Scores, scaled scores and weights of the lesson's sentence, each word looking back."""
    Q, K, V = (names[f"{letter}_words"] for letter in "QKV")
    mask = names["create_causal_mask"](len(names["words"]))
    _, weights = names["scaled_dot_product_attention"](Q, K, V, mask)
    scores = names["attention_scores"](Q, K).data[0]
    return [scores, scores / math.sqrt(Q.shape[-1]), weights.data[0]]


if __name__ == "__main__":
    names = lesson()
    scores, scaled, weights = steps(names)
    mask = names["create_causal_mask"](len(weights))
    figure = draw_steps(scores, scaled, weights, names["words"], mask)
    numbers = json.dumps(weights.round(6).tolist())
    figure.savefig(PICTURE, dpi=80, metadata={"Weights": numbers})
