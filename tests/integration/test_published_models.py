"""Published weights through the learner's own blocks: each model beside another implementation.

MiniLM's encoder is built again from PyTorch's layers; GlassLM (a decoder with rotary positions,
RMSNorm, SwiGLU and shared key heads) brings its own code, on NumPy, in its wheel.
The wheels lie in TINYTORCH_WHEELS, or in the repository's root.
"""

import os
import sys
import zipfile
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from tinytorch.core.attention import scaled_dot_product_attention, vectorized_attention
from tinytorch.core.autograd import no_grad
from tinytorch.core.layers import walk
from tinytorch.core.losses import cross_entropy
from tinytorch.core.transformers import GPT, GPTConfig, RMSNorm, generate, pytorch_state

REPOSITORY = Path(__file__).resolve().parents[2]
WHEELS = Path(os.environ.get("TINYTORCH_WHEELS", REPOSITORY))
sys.path.insert(0, str(REPOSITORY / "examples"))
example = import_module("sentence_vectors")


def wheel(pattern):
    found = sorted(WHEELS.glob(pattern))
    if not found:
        pytest.skip(f"no {pattern} in {WHEELS}")
    return found[0]


# ---- MiniLM: an encoder ----


@pytest.fixture(scope="module")
def minilm():
    return example.read_wheel(wheel(example.WHEEL))


def under(state, name):
    """The part of a state below a name."""
    return {key[len(name) + 1 :]: x for key, x in state.items() if key.startswith(f"{name}.")}


def torch_vectors(encoder, ids, lengths):
    """The same encoder from PyTorch's own layers."""
    torch = pytest.importorskip("torch")
    state = {name: torch.tensor(array) for name, array in pytorch_state(encoder).items()}
    width = encoder.norm.weight.shape[0]
    shared = {"eps": encoder.norm.eps}
    x = state["words.weight"][torch.tensor(ids)] + state["segments.weight"][0]
    x = x + state["positions.weight"][: ids.shape[1]]
    x = torch.nn.functional.layer_norm(x, [width], *under(state, "norm").values(), **shared)
    padded = torch.arange(ids.shape[1]) >= torch.tensor(lengths)[:, None]
    for number, block in enumerate(encoder.blocks):
        own = under(state, f"blocks.{number}")
        layer = torch.nn.TransformerEncoderLayer(
            width, block.attention.num_heads, own["feed_forward.up_proj.bias"].shape[0],
            activation="gelu", layer_norm_eps=shared["eps"], batch_first=True,
        ).eval()  # fmt: skip
        names = {"linear1": "feed_forward.up_proj", "linear2": "feed_forward.down_proj"}
        names |= {"self_attn.out_proj": "attention.out_proj", "norm1": "norm1", "norm2": "norm2"}
        theirs = {f"{t}.bias": own[f"{o}.bias"] for t, o in names.items()}
        theirs |= {f"{t}.weight": own[f"{o}.weight"] for t, o in names.items()}
        for kind in ("weight", "bias"):
            parts = [own[f"attention.{part}_proj.{kind}"] for part in "qkv"]
            theirs[f"self_attn.in_proj_{kind}"] = torch.cat(parts)
        layer.load_state_dict(theirs)
        x = layer(x, src_key_padding_mask=padded)
    real = (~padded)[..., None]
    mean = (x * real).sum(dim=1) / real.sum(dim=1)
    return torch.nn.functional.normalize(mean, dim=-1).detach().numpy()


def test_minilm_gives_the_vectors_that_pytorch_gives(minilm):
    encoder, tokenizer = minilm
    rows = [tokenizer.encode(sentence) for sentence in example.SENTENCES]
    ids = np.zeros((len(rows), max(map(len, rows))), int)
    for row, tokens in zip(ids, rows, strict=True):
        row[: len(tokens)] = tokens
    lengths = [len(tokens) for tokens in rows]
    with no_grad():
        ours = encoder(ids, lengths).numpy()
    np.testing.assert_allclose(ours, torch_vectors(encoder, ids, lengths), rtol=0, atol=2e-6)


def test_minilm_finds_the_sentences_of_one_meaning(minilm):
    found = example.vectors(example.SENTENCES, *minilm)
    alike = found @ found.T
    assert min(alike[0, 1], alike[2, 3]) > alike[:2, 2:].max() + 0.2


# ---- GlassLM: a decoder ----

OWN = {"norm1": "norm1", "norm2": "norm2"}
OWN |= {f"attention.{p}_proj": f"attn.W_{p.upper()}" for p in "qkv"}
OWN |= {"attention.out_proj": "attn.W_O", "feed_forward.gate_proj": "ffn.W1"}
OWN |= {"feed_forward.up_proj": "ffn.W3", "feed_forward.down_proj": "ffn.W2"}


@pytest.fixture(scope="module")
def glass(tmp_path_factory):
    """Their model, and its tokenizer, run from their wheel."""
    path, place = wheel("glassllm-0.1.0*.whl"), tmp_path_factory.mktemp("glass")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(place)
    sys.path.insert(0, str(place))
    try:
        model = import_module("glassllm.model").GlassLM.load(place / "glassllm/weights/en.npz")
        tokenizer = import_module("glassllm.tokenizer").Tokenizer
        yield model, tokenizer.load(place / "glassllm/weights/en.tokenizer.json")
    finally:
        sys.path.remove(str(place))


def as_gpt(theirs, attention=vectorized_attention):
    """Their weights in the course's GPT."""
    sizes = theirs.cfg
    config = GPTConfig(
        sizes.vocab_size, context_len=sizes.max_len, num_layers=sizes.n_layers,
        num_heads=sizes.n_heads, embed_dim=sizes.d_model, hidden_dim=int(8 * sizes.d_model / 3),
        positions="rotary", norm="rms", feed_forward="swiglu", bias=False,
    )  # fmt: skip
    model = GPT(config, attention)
    for _, part in walk(model):
        if isinstance(part, RMSNorm):
            part.eps = sizes.eps
    given = {name: p.data for name, p in theirs.named_parameters().items()}
    state = {"tokens.weight": given["E"], "norm.weight": given["norm_f.gamma"]}
    for name, array in model.state_dict().items():
        if name.startswith("blocks."):
            _, number, part = name.split(".", 2)
            layer, _, kind = part.rpartition(".")
            key = f"blocks.{number}.{OWN[layer]}" + ".gamma" * layer.startswith("norm")
            state[name] = given[key] if kind == "weight" else np.zeros_like(array)
            if layer in ("attention.k_proj", "attention.v_proj") and kind == "weight":
                state[name] = repeated(state[name], sizes)
            if layer in ("attention.q_proj", "attention.k_proj") and kind == "weight":
                state[name] = halves(state[name], sizes)
    model.load_state_dict(state)
    return model


def repeated(weight, sizes):
    """Two heads of queries share a head of keys: here each has a copy of its own."""
    heads = weight.reshape(len(weight), sizes.n_kv_heads, -1)
    return heads.repeat(sizes.n_heads // sizes.n_kv_heads, axis=1).reshape(len(weight), -1)


def halves(weight, sizes):
    """They turn neighbours, (0, 1), (2, 3), ...; here number k turns with k + head_dim/2."""
    heads = weight.reshape(len(weight), sizes.n_heads, -1, 2)
    return heads.swapaxes(-1, -2).reshape(len(weight), -1)


TEXT = "The king and his brother came to the castle in the night, and all the people"


@pytest.mark.parametrize("attention", [scaled_dot_product_attention, vectorized_attention])
def test_glasslm_gives_the_logits_of_its_own_code(glass, attention):
    theirs, tokenizer = glass
    ids = np.array([tokenizer.encode(TEXT)])
    with no_grad():
        ours = as_gpt(theirs, attention).eval()(ids).numpy()
    np.testing.assert_allclose(ours, theirs.forward(ids).data, rtol=0, atol=2e-4)


def test_glasslm_goes_on_as_by_its_own_code(glass):
    theirs, tokenizer = glass
    ids = tokenizer.encode(TEXT)
    rng = np.random.default_rng(0)
    ours = list(generate(as_gpt(theirs), ids, 30, temperature=0, rng=rng))
    assert ours == [step.token for step in theirs.generate(ids, 30, greedy=True)]


def test_glasslm_learns_by_the_gradients_of_its_own_code(glass):
    theirs, tokenizer = glass
    ids = np.array([tokenizer.encode(TEXT)])
    model = as_gpt(theirs)
    loss = cross_entropy(model(ids[:, :-1]), ids[:, 1:])
    loss.backward()
    right = theirs.loss(ids[:, :-1], ids[:, 1:])
    right.backward()
    assert loss.item() == pytest.approx(right.data.item(), rel=1e-5)
    norm = model.norm.weight.grad
    np.testing.assert_allclose(norm, theirs.norm_f.gamma.grad, rtol=0, atol=1e-5)
    np.testing.assert_allclose(model.tokens.weight.grad, theirs.E.grad, rtol=0, atol=1e-5)
