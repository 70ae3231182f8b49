"""SmolLM2, a published language model, in the learner's own classes: given.

The file is GGUF: module 15 turns its blocks into numbers. The model is a `CachedGPT` of module 17
with RMSNorm, SwiGLU and rotary positions of module 13; the tokenizer is module 10's.

Source: Ben Allal et al. 2025, "SmolLM2"; the chat template is the file's.
"""

import codecs
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tinytorch.core.autograd import no_grad
from tinytorch.core.memoization import CachedGPT, DecoderConfig
from tinytorch.core.quantization import decode
from tinytorch.core.tensor import Array
from tinytorch.core.tokenization import BPETokenizer
from tinytorch.core.transformers import load_weights, sample_token
from tinytorch.gguf_file import GGUFFile, read_gguf

Attention = Any
# A digit stands alone; the rest is GPT-2's pattern, for which a digit ends a piece.
PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+(?![^\s\p{N}])|\s+"
SYSTEM = "You are a helpful AI assistant named SmolLM, trained by Hugging Face"
START, END, TEXT_END = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
SPECIAL = 3  # a token's type in the file
PARTS = {
    "norm1": "attn_norm", "norm2": "ffn_norm", "attention.q_proj": "attn_q",
    "attention.k_proj": "attn_k", "attention.v_proj": "attn_v", "attention.out_proj": "attn_output",
    "feed_forward.gate_proj": "ffn_gate", "feed_forward.up_proj": "ffn_up",
    "feed_forward.down_proj": "ffn_down",
}  # fmt: skip
OUTSIDE = {"tokens.weight": "token_embd.weight", "norm.weight": "output_norm.weight"}


SIZES = (
    "vocab_size", "context_length", "block_count", "attention.head_count",
    "attention.head_count_kv", "embedding_length", "feed_forward_length", "rope.freq_base",
    "attention.layer_norm_rms_epsilon",
)  # fmt: skip
TABLES = ("tokens", "token_type", "merges")


# ---- The file ----


def open_file(path: str | Path) -> GGUFFile:
    """Read what a file holds, and see that it is a model which these classes can run.

    Raises:
        ValueError: the file is damaged, or holds another kind of model; the message names it.
    """
    file = read_gguf(path)
    kind = file.metadata.get("general.architecture")
    if kind != "llama":
        raise ValueError(f"{path} holds a model of the kind {kind!r}; a 'llama' is asked for")
    names = [f"llama.{name}" for name in SIZES] + [f"tokenizer.ggml.{name}" for name in TABLES]
    missing = [name for name in names if name not in file.metadata]
    if missing:
        raise ValueError(f"{path} does not say {', '.join(missing)}")
    eps = file.metadata["llama.attention.layer_norm_rms_epsilon"]
    if not np.isclose(eps, 1e-5):
        raise ValueError(f"{path} asks for RMSNorm with eps {eps}; it is 1e-5 here")
    absent = {START, END, TEXT_END} - {*file.metadata["tokenizer.ggml.tokens"]}
    if absent:
        raise ValueError(f"{path} has no tokens {sorted(absent)}: it is no model to chat with")
    return file


# ---- The model ----


def read_config(metadata: Mapping[str, Any], context_len: int | None = None) -> DecoderConfig:
    """The sizes of the model in a file; `context_len` may be less than it was trained for."""
    own = {name: metadata[f"llama.{name}"] for name in SIZES}
    return DecoderConfig(
        vocab_size=own["vocab_size"],
        context_len=min(context_len or own["context_length"], own["context_length"]),
        num_layers=own["block_count"],
        num_heads=own["attention.head_count"],
        num_kv_heads=own["attention.head_count_kv"],
        embed_dim=own["embedding_length"],
        hidden_dim=own["feed_forward_length"],
        rotary_base=own["rope.freq_base"],
        positions="rotary",
        norm="rms",
        feed_forward="swiglu",
        bias=False,
        attention_bias=False,
    )


def published_name(name: str) -> str:
    """The file's name of a parameter: blocks.3.norm1.weight is blk.3.attn_norm.weight there."""
    if name in OUTSIDE:
        return OUTSIDE[name]
    _, number, part = name.removesuffix(".weight").split(".", 2)
    return f"blk.{number}.{PARTS[part]}.weight"


class Weights(Mapping[str, Array]):
    """The tensors of a file as numbers, each made when it is asked for.

    llama.cpp turns neighbours, so the file's queries and keys are laid out for that. Module 13
    turns the halves of a head: pairs (0, 1), (2, 3), ... go back to (0, half), (1, half + 1), ...
    """

    def __init__(self, file: GGUFFile, config: DecoderConfig) -> None:
        self.file = file
        self.heads = {"attn_q": config.num_heads, "attn_k": config.num_kv_heads}

    def __getitem__(self, name: str) -> Array:
        stored = self.file.tensors[name]
        x = decode(stored.kind, stored.data)
        heads = self.heads.get(name.split(".")[-2])
        if heads is None:
            return x
        return x.reshape(heads, -1, 2, x.shape[1]).swapaxes(1, 2).reshape(x.shape)

    def __contains__(self, name: object) -> bool:
        return name in self.file.tensors

    def __iter__(self) -> Iterator[str]:
        return iter(self.file.tensors)

    def __len__(self) -> int:
        return len(self.file.tensors)


class NothingDrawn:
    """Stands for a random generator where every weight comes from a file."""

    def zeros(self, shape: Any) -> Array:
        return np.broadcast_to(np.float32(0), shape)

    def standard_normal(self, size: Any) -> Array:
        return self.zeros(size)

    def uniform(self, low: float, high: float, size: Any) -> Array:
        return self.zeros(size)

    def normal(self, mean: float, std: float, size: Any) -> Array:
        return self.zeros(size)


def load_model(file: GGUFFile, attention: Attention, context_len: int | None = None) -> CachedGPT:
    """The model of a file, ready to write, in float32."""
    config = read_config(file.metadata, context_len)
    drawn: Any = NothingDrawn()
    model = CachedGPT(config, attention, rng=drawn)
    load_weights(model, Weights(file, config), published_name)
    return model.eval()


# ---- The tokenizer ----


def bytes_by_character() -> dict[str, int]:
    """The characters that stand for bytes in GPT-2's tables: printable ones for themselves."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    pairs = {chr(byte): byte for byte in printable}
    return pairs | {chr(256 + number): byte for number, byte in enumerate(others)}


class SmolTokenizer(BPETokenizer):
    """The learner's BPE with the tables of a file; a byte that has no token there is left out."""

    def __init__(self, metadata: Mapping[str, Any]) -> None:
        super().__init__([], pattern=PATTERN)
        names: list[str] = metadata["tokenizer.ggml.tokens"]
        kinds: list[int] = metadata["tokenizer.ggml.token_type"]
        byte_of, ids = bytes_by_character(), {name: number for number, name in enumerate(names)}
        self.special_tokens = {
            name: number for number, (name, kind) in enumerate(zip(names, kinds, strict=True))
            if kind == SPECIAL
        }  # fmt: skip
        self.tokens = {
            number: name.encode() if name in self.special_tokens
            else bytes(byte_of[character] for character in name)
            for number, name in enumerate(names)
        }  # fmt: skip
        self.byte_ids = [len(names)] * 256
        for character, byte in byte_of.items():
            self.byte_ids[byte] = ids.get(character, len(names))
        self.new_ids = {}
        for merge in metadata["tokenizer.ggml.merges"]:
            one, other = merge.split(" ")
            self.new_ids[ids[one], ids[other]] = ids[one + other]

    def encode_ordinary(self, text: str) -> list[int]:
        """Return the ids of a text; a special token in it is text like any other."""
        return [number for number in super().encode_ordinary(text) if number in self.tokens]


# ---- A conversation ----


@dataclass
class Turn:
    """What one answer took."""

    prompt_tokens: int = 0
    prompt_seconds: float = 0.0
    tokens: int = 0
    seconds: float = 0.0
    forgotten: int = 0  # earlier turns that no longer fitted
    full: bool = False  # the answer ended because the context was full


class Conversation:
    """Keeps what was said in caches: only new words are read.

    Args:
        model: a chat model.
        tokenizer: its tokenizer.
        system: what it is told to be.
        temperature, top_k, top_p, rng: as in `sample_token`.

    Attributes:
        turn: what the last answer took.
        ids: every token in the caches.
    """

    def __init__(
        self,
        model: CachedGPT,
        tokenizer: SmolTokenizer,
        *,
        rng: np.random.Generator,
        system: str = SYSTEM,
        temperature: float = 0.2,
        top_k: int | None = None,
        top_p: float | None = 0.9,
    ) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.choose = partial(
            sample_token, temperature=temperature, top_k=top_k, top_p=top_p, rng=rng
        )
        self.opening = self.message("system", system)
        self.stops = {tokenizer.special_tokens[name] for name in (END, TEXT_END)}
        self.turns: list[list[int]] = []  # of each exchange, whole
        self.turn = Turn()
        self.start()

    def start(self) -> None:
        """Empty caches, with nothing read."""
        self.caches, self.ids = self.model.new_caches(), list[int]()

    def message(self, role: str, text: str) -> list[int]:
        """One message as the template writes it; a special token in the text is plain text."""
        special = self.tokenizer.special_tokens
        inside = self.tokenizer.encode_ordinary(f"{role}\n{text}")
        return [special[START], *inside, special[END], *self.tokenizer.encode_ordinary("\n")]

    def read(self, ids: list[int]) -> Array:
        """Read tokens into the caches; the logits after the last."""
        with no_grad():
            logits: Array = self.model.next_logits(np.array([ids]), self.caches).data[0]
        self.ids += ids
        return logits

    def ask(self, text: str, num_tokens: int | None = None) -> Iterator[str]:
        """Yield the answer piece by piece; stop early by closing the iterator.

        Args:
            text: what the user says.
            num_tokens: the most tokens of the answer; None: as many as fit.

        Raises:
            ValueError: the text alone does not fit into the context; nothing was read.
        """
        special, context = self.tokenizer.special_tokens, self.model.config.context_len
        said = self.message("user", text)
        said += [special[START], *self.tokenizer.encode_ordinary("assistant\n")]
        unread = self.make_room(said)
        self.turn.prompt_tokens, before = len(unread), time.perf_counter()
        logits = self.read(unread)
        self.turn.prompt_seconds = time.perf_counter() - before
        answer: list[int] = []
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        try:
            while num_tokens is None or len(answer) < num_tokens:
                token = self.choose(logits)
                if token in self.stops:
                    break
                answer.append(token)
                yield decoder.decode(self.tokenizer.decode_bytes([token]))
                if len(self.ids) == context:
                    self.turn.full = True
                    break
                logits = self.read([token])
                self.turn.tokens = len(answer)
                self.turn.seconds = time.perf_counter() - before - self.turn.prompt_seconds
        finally:
            self.turns.append([*said, *answer, special[END], *self.tokenizer.encode_ordinary("\n")])

    def make_room(self, said: list[int]) -> list[int]:
        """What is to be read, so that a quarter of the context is left for the answer.

        The oldest turns are forgotten for it; then all others are read again.
        """
        self.turn = Turn()
        context = self.model.config.context_len
        most = context - len(self.opening) - 1
        if len(said) > most:
            raise ValueError(f"the text has {len(said)} tokens; the context has room for {most}")
        while self.turns and self.length(said) + context // 4 > context:
            self.turns.pop(0)
            self.turn.forgotten += 1
        whole = [*self.opening, *(token for turn in self.turns for token in turn), *said]
        if whole[: len(self.ids)] != self.ids:
            self.start()
        return whole[len(self.ids) :]

    def length(self, said: list[int]) -> int:
        """Tokens of the whole conversation with what was just said."""
        return len(self.opening) + sum(map(len, self.turns)) + len(said)


def load(
    path: str | Path, attention: Attention, context_len: int | None = None
) -> tuple[CachedGPT, SmolTokenizer]:
    """Read a model and its tokenizer from a GGUF file.

    Raises:
        ValueError: the file is damaged or holds another kind of model.
    """
    file = open_file(path)
    return load_model(file, attention, context_len), SmolTokenizer(file.metadata)
