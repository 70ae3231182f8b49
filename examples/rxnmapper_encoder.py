"""RXNMapper's encoder, read from its wheel and built from the library's own layers.

It is an ALBERT: one transformer layer, applied twelve times. NumPy alone reads the weights, and
does not trust the file: PyTorch stores a pickle, a pickle names functions to call, and any name
would do, so reading one can run any program. This reader knows three names, and refuses others.
"""

import io
import json
import pickle
import re
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from tinytorch.core.activations import gelu
from tinytorch.core.attention import MultiHeadAttention
from tinytorch.core.autograd import no_grad
from tinytorch.core.embeddings import Embedding, PositionalEmbedding
from tinytorch.core.layers import Layer, Linear
from tinytorch.core.tensor import Array, Tensor

# ---- The wheel: find it, and read what it holds ----

COMMAND = "pip download --no-deps rxnmapper==0.4.3"
WHEEL = "rxnmapper-0.4.3*.whl"
MODEL = "rxnmapper/models/transformers/albert_heads_8_uspto_all_1310k/"
FILES = ("config.json", "vocab.txt", "pytorch_model.bin")
PYTORCH_MAGIC = 0x1950A86A20F9469CFC6C  # the first number in a file from before PyTorch 1.6


def find_wheel(given: Path | None = None) -> Path:
    """Return the wheel's path.

    Args:
        given: the wheel, or a folder that holds it; None means this folder or the repository.

    Raises:
        FileNotFoundError: there is none; the message says what to type.
    """
    here = Path(__file__).resolve().parent
    places = [given] if given else [Path.cwd(), here, here.parent]
    found = [place for place in places if place.is_file()]
    found += [wheel for place in places for wheel in sorted(place.glob(WHEEL))]
    if not found:
        where = given or f"{WHEEL} in this folder or the repository"
        raise FileNotFoundError(f"no wheel: {where}\n  to get it, type: {COMMAND}")
    return found[0]


def rebuild_tensor(storage: Array, offset: int, shape: Any, strides: Any, *unused: Any) -> Array:
    """Stand in for the PyTorch function of that purpose: a view of stored numbers."""
    view = storage[offset : offset + int(np.prod(shape))].reshape(shape)
    if tuple(step // view.itemsize for step in view.strides) != strides:
        raise pickle.UnpicklingError(f"shape {shape} with strides {strides} is not supported")
    return view


class WeightsUnpickler(pickle.Unpickler):
    """A reader of pickled tensors that refuses everything else."""

    ALLOWED: ClassVar = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): rebuild_tensor,
        ("torch", "FloatStorage"): "<f4",
    }

    def __init__(self, file: io.BytesIO, storages: dict[str, Array]) -> None:
        super().__init__(file)
        self.storages = storages

    def find_class(self, module: str, name: str) -> Any:
        """Answer a name in the file; the reader knows no other way to reach a function."""
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"refused {module}.{name}: no tensor needs it")
        return self.ALLOWED[module, name]

    def persistent_load(self, pid: Any) -> Array:
        """Reserve room for numbers that follow later in the file; tensors are views of it."""
        _, dtype, key, _device, size, _view = pid
        return self.storages.setdefault(key, np.empty(size, dtype))


def read_pytorch(data: bytes) -> dict[str, Array]:
    """Return the tensors in a PyTorch file, by name.

    Args:
        data: the file's bytes: five pickles, then the numbers of one storage after the other.

    Raises:
        pickle.UnpicklingError: it is no such file, or it asks for something tensors do not need.
    """
    file = io.BytesIO(data)
    storages: dict[str, Array] = {}
    parts = [WeightsUnpickler(file, storages).load() for _ in range(5)]
    magic, _protocol, _system, tensors, keys = parts
    if magic != PYTORCH_MAGIC:
        raise pickle.UnpicklingError("not a PyTorch file of the kind the wheel holds")
    for key in keys:
        file.read(8)  # how many numbers follow; known already
        numbers = file.read(storages[key].nbytes)
        storages[key][:] = np.frombuffer(numbers, storages[key].dtype)
    return dict(tensors)


@dataclass(frozen=True)
class Model:
    """What the wheel holds."""

    config: dict[str, Any]
    vocabulary: dict[str, int]  # token to id
    weights: dict[str, Array]


def read_wheel(wheel: Path) -> Model:
    """Read the model from the wheel.

    Raises:
        ValueError: the file is no wheel, or holds another model; the message says what to type.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            config, words, weights = (archive.read(MODEL + name) for name in FILES)
        vocabulary = {word: number for number, word in enumerate(words.decode().splitlines())}
        return Model(json.loads(config), vocabulary, read_pytorch(weights))
    except (zipfile.BadZipFile, KeyError, pickle.UnpicklingError) as error:
        raise ValueError(f"{wheel}: {error}\n  to get the wheel, type: {COMMAND}") from error


# ---- The encoder: one layer, applied twelve times ----


class LayerNorm(Layer):
    """Shift and scale each token's numbers to mean 0 and variance 1, then by learned amounts."""

    def __init__(self, width: int, eps: float) -> None:
        self.weight = Tensor(np.ones(width), requires_grad=True)
        self.bias = Tensor(np.zeros(width), requires_grad=True)
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis. x: (..., width) -> (..., width)."""
        centred = x - x.mean(dim=-1, keepdims=True)
        variance = (centred**2).mean(dim=-1, keepdims=True)
        return centred / (variance + self.eps) ** 0.5 * self.weight + self.bias


class Albert(Layer):
    """The encoder, made of the library's layers; `attention` is handed on to its heads."""

    def __init__(self, config: dict[str, Any], attention: Callable[..., Any]) -> None:
        narrow, width = config["embedding_size"], config["hidden_size"]
        inner, eps = config["intermediate_size"], config["layer_norm_eps"]
        self.num_layers = config["num_hidden_layers"]
        self.words = Embedding(config["vocab_size"], narrow)
        self.positions = PositionalEmbedding(config["max_position_embeddings"], narrow)
        self.segments = Embedding(config["type_vocab_size"], narrow)
        self.embedding_norm = LayerNorm(narrow, eps)
        self.widen = Linear(narrow, width)
        self.attention = MultiHeadAttention(width, config["num_attention_heads"], attention)
        self.attention_norm = LayerNorm(width, eps)
        self.inner, self.outer = Linear(width, inner), Linear(inner, width)
        self.output_norm = LayerNorm(width, eps)

    def forward(self, ids: Array) -> tuple[Tensor, list[Tensor]]:
        """Encode ids (batch, n). Returns (batch, n, width), and the weights of every layer."""
        x = self.positions(self.words(ids)) + self.segments(np.zeros_like(ids))
        x = self.widen(self.embedding_norm(x))
        all_weights = []
        for _ in range(self.num_layers):  # the same weights each time
            attended, weights = self.attention.attend(x, x, x)
            x = self.attention_norm(x + attended)
            x = self.output_norm(x + self.outer(gelu(self.inner(x))))
            all_weights.append(weights)
        return x, all_weights


LAYER = "encoder.albert_layer_groups.0.albert_layers.0."
NAMES = {  # ours: the wheel's
    "words": "embeddings.word_embeddings",
    "positions": "embeddings.position_embeddings",
    "segments": "embeddings.token_type_embeddings",
    "embedding_norm": "embeddings.LayerNorm",
    "widen": "encoder.embedding_hidden_mapping_in",
    "attention.q_proj": LAYER + "attention.query",
    "attention.k_proj": LAYER + "attention.key",
    "attention.v_proj": LAYER + "attention.value",
    "attention.out_proj": LAYER + "attention.dense",
    "attention_norm": LAYER + "attention.LayerNorm",
    "inner": LAYER + "ffn",
    "outer": LAYER + "ffn_output",
    "output_norm": LAYER + "full_layer_layer_norm",
}


def load_encoder(model: Model, attention: Callable[..., Any]) -> Albert:
    """Build the encoder and load its weights."""
    if model.config["hidden_act"] != "gelu":  # the exact form; "gelu_new" would be tanh's
        raise ValueError(f"hidden_act must be 'gelu', got {model.config['hidden_act']!r}")
    encoder = Albert(model.config, attention)
    state = {name: find_weight(name, model.weights) for name in encoder.state_dict()}
    encoder.load_state_dict(state)
    return encoder


def find_weight(name: str, weights: dict[str, Array]) -> Array:
    """Find one of our parameters among the wheel's; a Linear is (out, in) there, (in, out) here."""
    layer, _, part = name.rpartition(".")
    array = weights[f"albert.{NAMES[layer]}.{part}"]
    return array if "embeddings" in NAMES[layer] else array.T


# ---- From text to attention weights ----

TOKEN = re.compile(r"\[[^]]+\]|Br?|Cl?|[NOSPFIbcnosp]|>>?|%\d\d|[\d().=#+:~@?*$/\\-]")


def tokenize(text: str) -> list[str]:
    """Split a reaction into tokens; each is an atom, a bond, a bracket, a ring number or >>."""
    tokens = TOKEN.findall(text)
    if "".join(tokens) != text:
        raise ValueError(f"text must be SMILES; these tokens leave something out: {tokens}")
    return tokens


def attention_weights(text: str, model: Model, attention: Callable[..., Any]) -> Array:
    """Let the encoder read a reaction, with [CLS] before it and [SEP] behind.

    Returns:
        How much each token looks at each other: (layers, heads, n, n).
    """
    tokens = ["[CLS]", *tokenize(text), "[SEP]"]
    unknown = model.vocabulary["[UNK]"]
    ids = np.array([[model.vocabulary.get(token, unknown) for token in tokens]])
    with no_grad():
        _, all_weights = load_encoder(model, attention)(ids)
    return np.concatenate([weights.numpy() for weights in all_weights])
