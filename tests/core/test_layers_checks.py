"""The export of module 03 passes what its cells pass."""

import pytest

from tinytorch.core.layers import Dropout, Layer, Linear, Sequential, glorot_uniform, walk

ANSWERS = {
    "walk": (walk, Layer),
    "parameters": (Layer,),
    "state": (Layer,),
    "train_eval": (Layer,),
    "to": (Layer,),
    "glorot_uniform": (glorot_uniform,),
    "linear": (Linear, glorot_uniform),
    "dropout": (Dropout,),
    "sequential": (Sequential, Layer),
}


@pytest.mark.parametrize("exercise", ANSWERS)
def test_the_export_passes_the_checks(exercise, checks_of):
    getattr(checks_of("layers"), exercise)(*ANSWERS[exercise])
