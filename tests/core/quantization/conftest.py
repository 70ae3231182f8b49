"""What tests of this folder share: gguf-py, whose bytes ours must be."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def peer():
    """gguf-py: (numbers or bytes, kind) -> bytes or numbers."""
    gguf = pytest.importorskip("gguf")
    kinds = gguf.GGMLQuantizationType

    class Peer:
        @staticmethod
        def quantize(x, kind):
            with np.errstate(all="ignore"):
                return gguf.quants.quantize(x, kinds[kind])

        @staticmethod
        def dequantize(blocks, kind):
            with np.errstate(all="ignore"):
                return gguf.quants.dequantize(blocks, kinds[kind])

    return Peer
