"""What the tests of this folder share: tiles of several sizes."""

from importlib import import_module

import pytest


@pytest.fixture(params=[(256, 512), (3, 2)], ids="{0[0]}x{0[1]}".format)
def tiles(request, monkeypatch):
    """Attention in tiles of so many queries and keys: the module's own, and small ones."""
    rows, columns = request.param
    acceleration = import_module("tinytorch.core.acceleration")  # a learner's comes later
    monkeypatch.setattr(acceleration, "ROWS", rows)
    monkeypatch.setattr(acceleration, "COLUMNS", columns)
