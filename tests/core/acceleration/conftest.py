"""What the tests of this folder share: tiles of several sizes."""

import pytest

from tinytorch.core import acceleration


@pytest.fixture(params=[(256, 512), (3, 2)], ids="{0[0]}x{0[1]}".format)
def tiles(request, monkeypatch):
    """Attention in tiles of so many queries and keys: the module's own, and small ones."""
    rows, columns = request.param
    monkeypatch.setattr(acceleration, "ROWS", rows)
    monkeypatch.setattr(acceleration, "COLUMNS", columns)
