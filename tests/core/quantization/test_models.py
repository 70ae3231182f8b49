"""Quantized layers and models: bytes really saved, outputs near, the loss of a GPT that learned."""

import copy
import pickle

import numpy as np
import pytest

from tinytorch.core.attention import vectorized_attention
from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import Layer, Linear, walk
from tinytorch.core.losses import cross_entropy
from tinytorch.core.optimizers import AdamW
from tinytorch.core.quantization import (
    BlockWeight,
    QuantizedLinear,
    int8_blocks,
    int8_channels,
    int8_tensor,
    model_nbytes,
    q4_1,
    q8_0,
    quantize_model,
)
from tinytorch.core.tensor import Tensor
from tinytorch.core.transformers import GPT, GPTConfig, generate

STORES = {  # bytes of a weight (96, 7), and how far an output may be off, relatively
    int8_tensor: (96 * 7 + 4, 0.02),
    int8_channels: (96 * 7 + 4 * 7, 0.02),
    int8_blocks: (96 * 7 + 4 * 7 * 3, 0.02),
    q8_0: (34 * 7 * 3, 0.01),
    q4_1: (20 * 7 * 3, 0.15),
}
each_store = pytest.mark.parametrize("store", STORES, ids=lambda store: store.__name__)


def linear(seed: int = 0) -> Linear:
    layer = Linear(96, 7, rng=np.random.default_rng(seed))
    layer.bias.data = np.random.default_rng(seed + 1).normal(size=7).astype(np.float32)
    return layer


@each_store
def test_the_bytes_are_really_stored(store):
    weight = linear().weight.data
    stored = store(weight)
    assert stored.nbytes == STORES[store][0] and stored.shape == (96, 7)
    assert f"{stored.nbytes} bytes" in repr(stored)
    kept = pickle.dumps(stored)
    assert len(kept) < stored.nbytes + 500 and len(kept) < weight.nbytes


@each_store
@pytest.mark.parametrize("front", [(), (5,), (2, 3), (0,)])
def test_an_output_is_near_that_of_the_linear(store, front):
    layer, x = linear(), Tensor(np.random.default_rng(2).normal(size=(*front, 96)))
    quantized = QuantizedLinear(store(layer.weight.data), layer.bias)
    with no_grad():
        ours, theirs = quantized(x).numpy(), layer(x).numpy()
    assert ours.shape == theirs.shape and ours.dtype == np.float32
    if theirs.size:
        assert np.linalg.norm(ours - theirs) < STORES[store][1] * np.linalg.norm(theirs)
    assert not np.array_equal(ours, theirs) or not theirs.size, "it must show that bits are gone"


def test_a_quantized_layer_does_not_learn_and_says_so():
    layer = linear()
    quantized = QuantizedLinear(int8_channels(layer.weight.data), layer.bias)
    assert quantized.parameters() == [] and quantized.state_dict() == {}
    x = Tensor(np.ones((5, 96)), requires_grad=True)
    with pytest.raises(ValueError, match="no_grad"):
        quantized(x)
    with no_grad():
        assert not quantized(x).requires_grad
    assert not quantized(x.detach()).requires_grad
    with pytest.raises(ValueError, match=r"\(5, 95\).*in_features=96"):
        quantized(Tensor(np.ones((5, 95))))


def test_rows_of_a_file_become_a_layer_without_being_copied():
    """As a GGUFTensor hands them over: (out, bytes of a row)."""
    layer = linear()
    rows = q4_1(layer.weight.data).blocks
    weight = BlockWeight("Q4_1", rows)
    assert weight.blocks is rows and weight.shape == (96, 7)
    assert np.abs(weight.numpy() - layer.weight.data).max() < 0.05


WORDS = "a quick brown fox jumps over the lazy dog while seven wizards mix black ink. "


@pytest.fixture(scope="module")
def learned() -> tuple[GPT, np.ndarray]:
    letters = sorted({*WORDS})
    ids = np.array([letters.index(letter) for letter in 2 * WORDS])
    windows = np.stack([ids[at : at + 33] for at in range(0, len(WORDS), 7)])
    config = GPTConfig(len(letters), context_len=32, num_layers=2, num_heads=2, embed_dim=64)
    model = GPT(config, vectorized_attention, rng=np.random.default_rng(0))
    optimizer = AdamW(model.parameters(), lr=0.003)
    for _ in range(80):
        optimizer.zero_grad()
        loss_of(model, windows).backward()
        optimizer.step()
    return model, windows


def loss_of(model: Layer, windows: np.ndarray) -> Tensor:
    return cross_entropy(model(windows[:, :-1]), windows[:, 1:])


def quiet_loss(model: Layer, windows: np.ndarray) -> float:
    with no_grad():
        return loss_of(model, windows).item()


@each_store
def test_a_gpt_loses_little_and_takes_a_third_of_the_bytes(store, learned):
    model, windows = learned
    right, small = quiet_loss(model, windows), quantize_model(model, store)
    assert right < 0.2, "it has learned the text"
    allowed = 0.02 if store is q4_1 else 0.002
    assert abs(quiet_loss(small, windows) - right) < allowed
    assert model_nbytes(model) == sum(part.data.nbytes for part in model.parameters())
    assert model_nbytes(small) < model_nbytes(model) / 2.9
    assert quiet_loss(pickle.loads(pickle.dumps(small)), windows) == quiet_loss(small, windows)


def test_the_model_stays_as_it_is_and_learns_on(learned):
    model, windows = learned
    before = copy.deepcopy(model.state_dict())
    small = quantize_model(model, int8_channels)
    kinds = [type(part).__name__ for _, part in walk(small) if isinstance(part, Layer)]
    assert kinds.count("QuantizedLinear") == 2 * 6 and "Linear" not in kinds
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[name], after[name]) for name in before)
    loss_of(model, windows).backward()
    with pytest.raises(ValueError, match="no_grad"):
        loss_of(small, windows)
    with pytest.raises(ValueError, match="weight is unexpected"):
        small.load_state_dict(before)


def test_a_quantized_gpt_writes_the_text_that_it_learned(learned):
    model, windows = learned
    small = quantize_model(model, q4_1)
    start = windows[0][:12].tolist()
    options = {"temperature": 0, "rng": np.random.default_rng(0)}
    written = [[*generate(one, start, 20, **options)] for one in (model, small)]
    assert written[0] == written[1] == windows[0][12:32].tolist()


def test_one_large_channel_costs_one_scale_a_tensor_the_most(learned):
    """The same function: a value grows a thousandfold, the row that reads it shrinks as much."""
    model, windows = learned
    large = copy.deepcopy(model)
    for block in large.blocks:
        values, reader = block.attention.v_proj, block.attention.out_proj
        values.weight.data[:, 0] *= 1000
        values.bias.data[0] *= 1000
        reader.weight.data[0] /= 1000
    right = quiet_loss(large, windows)
    assert right == pytest.approx(quiet_loss(model, windows), abs=1e-4)
    stores = (int8_tensor, int8_channels, int8_blocks, q8_0)
    more = [quiet_loss(quantize_model(large, store), windows) - right for store in stores]
    assert more[0] > more[1] > more[2] > more[3] and more[0] > 0.1 and abs(more[3]) < 0.01
