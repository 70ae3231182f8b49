"""GGUF files: small ones come back as they were written, whoever wrote them."""

from pathlib import Path

import numpy as np
import pytest

from tests.tinytorch.small_gguf import METADATA, TENSORS, number, written
from tinytorch.gguf_file import read_gguf


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "small.gguf"


def test_metadata_come_back_as_they_were_written(file):
    file.write_bytes(written()[0])
    found = read_gguf(file).metadata
    assert found == {name: value for name, (_, value) in METADATA.items()}
    assert [type(found[name]) for name in ("c.count", "d.rate", "e.flag")] == [int, float, bool]


def test_tensors_come_back_rows_first_and_are_not_copied(file):
    content, data = written()
    file.write_bytes(content)
    found = read_gguf(file).tensors
    assert {name: (one.shape, one.kind) for name, one in found.items()} == TENSORS
    for name, one in found.items():
        assert one.name == name and one.data.dtype == np.uint8
        assert np.array_equal(one.data, data[name])
        assert isinstance(one.data, np.memmap) and not one.data.flags.writeable
    assert found["norm.weight"].data.view("<f4").shape == (7,)


def test_the_metadata_may_say_another_alignment(file):
    metadata = {"general.alignment": (number(4, "I", 64), 64)}
    content, data = written(metadata, alignment=64)
    file.write_bytes(content)
    found = read_gguf(str(file)).tensors
    assert all(np.array_equal(one.data, data[name]) for name, one in found.items())


def test_a_file_without_tensors_is_one(file):
    file.write_bytes(written(tensors={})[0])
    assert read_gguf(file).tensors == {}


def test_a_file_of_gguf_py_is_read(file):
    gguf = pytest.importorskip("gguf")
    rng = np.random.default_rng(0)
    arrays = {"a.weight": rng.normal(size=(5, 64)), "b.weight": rng.normal(size=(7,))}
    arrays = {name: x.astype(np.float32) for name, x in arrays.items()}
    packed = gguf.quants.quantize(arrays["a.weight"], gguf.GGMLQuantizationType.Q4_1)
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_block_count(3)
    writer.add_token_list(["a", "b"])
    writer.add_tensor("a.weight", packed, raw_dtype=gguf.GGMLQuantizationType.Q4_1)
    writer.add_tensor("b.weight", arrays["b.weight"])
    for write in ("header", "kv_data", "tensors"):
        getattr(writer, f"write_{write}_to_file")()
    writer.close()
    found = read_gguf(file)
    assert found.metadata["llama.block_count"] == 3
    assert found.metadata["tokenizer.ggml.tokens"] == ["a", "b"]
    assert np.array_equal(found.tensors["a.weight"].data, packed)
    assert found.tensors["a.weight"].shape == (5, 64)
    assert np.array_equal(found.tensors["b.weight"].data.view("<f4"), arrays["b.weight"])
