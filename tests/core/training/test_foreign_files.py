"""What is no checkpoint, or a broken one: an error that names it, and nothing is changed."""

import contextlib
import json

import numpy as np
import pytest

from tests.core.training.small import make_trainer, standing
from tinytorch.core.layers import Dropout, Linear, Sequential
from tinytorch.core.optimizers import SGD
from tinytorch.core.training import Trainer, load_checkpoint, save_checkpoint

HEADER_PIECES = b'0123456789CFIUB"\\{}[],: '


@pytest.fixture
def path(tmp_path):
    return tmp_path / "kept.safetensors"


def with_header(header, body):
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def one_array(dtype, size):
    array = {"dtype": dtype, "shape": [1], "data_offsets": [0, size]}
    return with_header({"a": array}, bytes(size))


FOREIGN = {
    "empty": b"",
    "a zip file": b"PK\x03\x04" + bytes(100),
    "a pickle": b"\x80\x05" + b"K\x01." * 40,
    "arrays alone": one_array("F32", 4),
    "bfloat16, as most published models": one_array("BF16", 2),
    "float8": one_array("F8_E4M3", 1),
    "notes without a checksum": with_header({"__metadata__": {"notes": "{}"}}, b""),
    "a checksum without notes": with_header({"__metadata__": {"checksum": "0"}}, b""),
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_file_is_refused_by_its_name_and_stays(path, content):
    path.write_bytes(content)
    trainer = make_trainer()
    before = standing(trainer)
    for read in (load_checkpoint, trainer.resume):
        with pytest.raises(ValueError, match=r"kept\.safetensors"):
            read(path)
    assert standing(trainer) == before
    assert path.read_bytes() == content


def test_each_bit_of_the_header_is_seen_or_says_nothing(path):
    kept = {
        "a": np.arange(3.0),
        "b": np.array([True, False]),
        "none": np.zeros((0, 2), np.float32),
        "one": np.ones((), np.int8),
    }
    save_checkpoint(path, kept, {"step": 1, "text": "ä\n"})
    content = path.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    refused = 0
    for place in range(header):
        old = content[place]
        for new in {*(old ^ 1 << bit for bit in range(8)), *HEADER_PIECES} - {old}:
            path.write_bytes(content[:place] + bytes([new]) + content[place + 1 :])
            try:
                arrays, notes = load_checkpoint(path)
            except ValueError as error:
                assert "kept.safetensors" in str(error)
                refused += 1
                continue
            assert notes == {"step": 1, "text": "ä\n"} and arrays.keys() == kept.keys()
            for name, array in kept.items():
                assert arrays[name].dtype == array.dtype and arrays[name].shape == array.shape
                assert arrays[name].tobytes() == array.tobytes()
    assert refused > 20 * header


def test_every_changed_byte_and_every_cut_is_seen(path):
    save_checkpoint(path, {"a": np.arange(3.0)}, {"step": 1})
    content, (right, _) = path.read_bytes(), load_checkpoint(path)
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x15]) + content[place + 1 :])
        with contextlib.suppress(ValueError):
            arrays, notes = load_checkpoint(path)  # a byte that says nothing, such as a blank
            assert (arrays["a"] == right["a"]).all() and notes == {"step": 1}
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"kept\.safetensors"):
            load_checkpoint(path)


@pytest.mark.parametrize(
    ("tensors", "notes"),
    [({"a": [1.0]}, {}), ({"a": np.array(["x"])}, {}), ({"a": np.ones(2)}, {"b": object()})],
)
def test_what_no_file_can_hold_is_refused(path, tensors, notes):
    with pytest.raises(TypeError):
        save_checkpoint(path, tensors, notes)
    assert not [*path.parent.iterdir()]


def test_what_follows_the_end_is_seen(path):
    save_checkpoint(path, {"a": np.ones(2)}, {})
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ValueError, match=r"kept\.safetensors"):
        load_checkpoint(path)


def test_a_missing_file_is_named(path):
    with pytest.raises(FileNotFoundError, match=r"kept\.safetensors"):
        load_checkpoint(path)


@pytest.mark.parametrize("dtype", ["?", "u1", "i8", "f2", "f4", "f8", ">f4", ">i2"])
@pytest.mark.parametrize("shape", [(), (0,), (1,), (2, 0, 3), (2, 3, 5)])
def test_arrays_come_back_as_they_were(path, dtype, shape):
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    save_checkpoint(path, {"a": array, "turned": array.T}, {"x": [1, None, 0.1, "ü"]})
    arrays, notes = load_checkpoint(path)
    for name, right in (("a", array), ("turned", array.T)):
        np.testing.assert_array_equal(arrays[name], right)
        assert arrays[name].dtype == array.dtype.newbyteorder("=")
        assert arrays[name].shape == right.shape
    assert notes == {"x": [1, None, 0.1, "ü"]}


# ---- files of a trainer that do not fit ----


def bad_generator(tensors, notes):
    for state in notes["generators"].values():
        state["state"] = {"state": "x", "inc": 1}


def no_generator_state(tensors, notes):
    for state in notes["generators"].values():
        del state["state"]


def narrow_history(tensors, notes):
    tensors["history"] = tensors["history"][:, :4]


def no_history(tensors, notes):
    del tensors["history"]


def no_lr(tensors, notes):
    del notes["lr"]


def one_less_parameter(tensors, notes):
    del tensors["model.0.weight"]


def another_dtype(tensors, notes):
    tensors["model.0.weight"] = tensors["model.0.weight"].astype(np.float64)


def another_shape(tensors, notes):
    tensors["model.3.weight"] = tensors["model.3.weight"].T.copy()


def one_less_average(tensors, notes):
    del tensors["optimizer.2.first"]


@pytest.mark.parametrize(
    "change",
    [
        bad_generator, no_generator_state, narrow_history, no_history, no_lr,
        one_less_parameter, another_dtype, another_shape, one_less_average,
    ],
)  # fmt: skip
def test_a_file_that_does_not_fit_changes_nothing(path, change):
    make_trainer().train(3, checkpoint=path)
    tensors, notes = load_checkpoint(path)
    change(tensors, notes)
    save_checkpoint(path, tensors, notes)
    trainer = make_trainer()
    before = standing(trainer)
    with pytest.raises(ValueError, match=r"kept\.safetensors"):
        trainer.resume(path)
    assert standing(trainer) == before


def test_a_trainer_past_the_file_is_refused(path):
    trainer = make_trainer()
    trainer.train(3, checkpoint=path)
    trainer.train(5)
    before = standing(trainer)
    with pytest.raises(ValueError, match=r"after 3 batches, this trainer has taken 5"):
        trainer.resume(path)
    assert standing(trainer) == before


def test_a_lost_batch_counts_among_those_that_were_taken(path):
    trainer = make_trainer()
    trainer.train(3)
    trainer.next_batch()
    trainer.save(path)
    trainer.train(4)
    with pytest.raises(ValueError, match=r"after 4 batches, this trainer has taken 5"):
        trainer.resume(path)


def test_a_file_without_the_batches_taken_has_as_many_as_steps(path):
    trainer = make_trainer()
    trainer.train(3, checkpoint=path)
    tensors, notes = load_checkpoint(path)
    assert notes.pop("taken") == 3
    save_checkpoint(path, tensors, notes)
    again = make_trainer()
    again.resume(path)
    assert again.taken == 3 and standing(again) == standing(trainer)


def test_batches_that_end_too_early_are_refused(path):
    make_trainer().train(5, checkpoint=path)
    trainer = make_trainer(batches=iter(make_trainer().batches[:2]))
    before = standing(trainer)
    with pytest.raises(ValueError, match="after 2 there is none"):
        trainer.resume(path)
    assert standing(trainer) == before


def test_another_optimizer_or_model_without_dropout_is_refused(path):
    make_trainer().train(2, checkpoint=path)
    first = make_trainer()
    other = Trainer(first.model, SGD(first.model.parameters(), 0.1), first.loss_function, [])
    plain = Sequential(Linear(3, 2, rng=np.random.default_rng(0)), Dropout(0.5))
    for trainer in (other, make_trainer(model=plain)):
        before = standing(trainer)
        with pytest.raises(ValueError, match=r"kept\.safetensors"):
            trainer.resume(path)
        assert standing(trainer) == before
