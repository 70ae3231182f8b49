"""`tito chat`: a model of a few numbers answers through the exports; what is missing is named."""

import shutil
import signal
import struct
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.tinytorch.small_gguf import array, number, text
from tito.commands.chat import printable
from tito.commands.converse import Talk

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
WIDTH, HIDDEN, CONTEXT = 32, 64, 512
BYTES = [*range(33, 127), *range(161, 173), *range(174, 256)]
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def characters() -> list[str]:
    """The 256 characters that stand for bytes."""
    others = [byte for byte in range(256) if byte not in BYTES]
    return [chr(byte) for byte in BYTES] + [chr(256 + k) for k in range(len(others))]


def tiny_llama(path: Path) -> Path:
    """A file of random weights: 2 layers, 2 heads that share one of keys, a token a byte."""
    tokens = [*SPECIAL, *characters()]
    shapes = {"token_embd.weight": (len(tokens), WIDTH), "output_norm.weight": (WIDTH,)}
    for layer in range(2):
        parts = {
            "attn_norm": (WIDTH,), "ffn_norm": (WIDTH,), "attn_q": (WIDTH, WIDTH),
            "attn_k": (16, WIDTH), "attn_v": (16, WIDTH), "attn_output": (WIDTH, WIDTH),
            "ffn_gate": (HIDDEN, WIDTH), "ffn_up": (HIDDEN, WIDTH), "ffn_down": (WIDTH, HIDDEN),
        }  # fmt: skip
        shapes |= {f"blk.{layer}.{part}.weight": shape for part, shape in parts.items()}
    counts = {
        "vocab_size": len(tokens), "context_length": CONTEXT, "block_count": 2,
        "attention.head_count": 2, "attention.head_count_kv": 1, "embedding_length": WIDTH,
        "feed_forward_length": HIDDEN,
    }  # fmt: skip
    metadata = {f"llama.{name}": number(4, "I", x) for name, x in counts.items()}
    metadata |= {
        "general.architecture": struct.pack("<I", 8) + text("llama"),
        "llama.attention.layer_norm_rms_epsilon": number(6, "f", 1e-5),
        "llama.rope.freq_base": number(6, "f", 10000.0),
        "tokenizer.ggml.tokens": array(8, "s", tokens),
        "tokenizer.ggml.token_type": array(5, "i", [3] * 3 + [1] * 256),
        "tokenizer.ggml.merges": array(8, "s", []),
    }
    rng, places, content = np.random.default_rng(0), b"", b""
    for name, shape in shapes.items():
        places += text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape[::-1])
        places += struct.pack("<IQ", 0, len(content))
        content += rng.normal(0, 0.5, shape).astype("<f4").tobytes()
        content += b"\0" * (-len(content) % 32)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(shapes), len(metadata))
    head += b"".join(text(name) + value for name, value in metadata.items()) + places
    path.write_bytes(head + b"\0" * (-len(head) % 32) + content)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("model") / "tiny.gguf")


@pytest.fixture
def mine(tmp_path) -> Path:
    """A learner's folder with everything exported."""
    for name in ("modules", "tinytorch"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.ipynb"))
    return tmp_path


def chat(folder: Path, *options: object, said: str = "hello\n") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tito", "chat", *map(str, options)]
    return subprocess.run(command, cwd=folder, input=said, capture_output=True, encoding="utf-8")


@pytest.mark.parametrize("attention", ["loops", "matrix", "flash"])
def test_it_answers_and_says_how_fast(mine, model, attention) -> None:
    options = ["--model", model, "--attention", attention, "--tokens", 5, "--temperature", 5]
    done = chat(mine, *options, said="hello\n\nnot read any more\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"loading tiny.gguf with {attention} attention" in done.stdout
    assert "> hello\n" in done.stdout and "not read" not in done.stdout
    assert "tokens read in" in done.stdout and " written, " in done.stdout


def test_every_attention_says_the_same(mine, model) -> None:
    ways = ("loops", "matrix", "flash")
    found = [chat(mine, "--model", model, "--tokens", 12, "--attention", way) for way in ways]
    answers = {done.stdout.split("> hello\n")[1].split("\n  ")[0] for done in found}
    assert len(answers) == 1


def test_it_draws_where_the_last_token_looked(mine, model) -> None:
    for attention in ("matrix", "flash"):
        options = ["--show", "--model", model, "--tokens", 4, "--attention", attention]
        done = chat(mine, *options)
        assert "the last token read, looked; the mean of all layers and heads:" in done.stdout
        shares = [line.split()[0] for line in done.stdout.splitlines() if "%" in line]
        total = sum(float(share.rstrip("%")) for share in shares)
        assert total == pytest.approx(100, abs=1)


def test_missing_modules_are_named(mine, model) -> None:
    for name in ("quantization", "memoization", "acceleration"):
        (mine / "tinytorch" / "core" / f"{name}.py").unlink()
    done = chat(mine, "--model", model)
    assert done.returncode == 1
    assert "not exported yet: 15 quantization, 17 memoization\n" in done.stdout
    assert "`tito module start 15`" in done.stdout
    done = chat(mine, "--model", model, "--attention", "flash")
    assert "17 memoization, 18 acceleration" in done.stdout


def test_a_model_that_is_not_here_or_does_not_fit_comes_with_the_command_that_fetches_one(
    mine, model
) -> None:
    done = chat(mine)
    assert done.returncode == 2
    assert "`tito data get smollm2`" in done.stdout
    (mine / "broken.gguf").write_bytes(b"GGUF" + b"\x03\0\0\0" * 5)
    foreign = model.read_bytes().replace(b"llama.block_count", b"llama.block_other")
    (mine / "foreign.gguf").write_bytes(foreign)
    for name, says in {
        "broken.gguf": "broken.gguf cannot be read: ",
        "foreign.gguf": "foreign.gguf does not say llama.block_count\n  `tito data get smollm2`",
    }.items():
        done = chat(mine, "--model", mine / name)
        assert done.returncode == 2
        assert says in done.stdout and "notebook" not in done.stdout
        assert "Traceback" not in done.stdout + done.stderr


def test_a_folder_of_an_earlier_course_is_told_to_update(mine, model) -> None:
    (mine / "tinytorch" / "smollm2.py").unlink()
    done = chat(mine, "--model", model)
    assert done.returncode == 2
    assert "smollm2.py is missing: this folder is of an earlier course\n  `tito up" in done.stdout


class Endless:
    """A conversation whose answer would have a thousand pieces."""

    turn = SimpleNamespace(prompt_tokens=1)

    def ask(self, text, most):
        yield from map(str, range(1000))


def test_an_answer_ends_with_the_piece_at_which_it_was_asked_to_stop() -> None:
    talk, stop, said = Talk.__new__(Talk), threading.Event(), []
    talk.conversation, talk.watched, talk.most = Endless(), None, None
    talk.model = SimpleNamespace(config=SimpleNamespace(context_len=64))

    def say(**what):
        said.append(what)
        if what.get("text") == "2":
            stop.set()

    stop.set()  # of the answer before
    talk.answer("hello", stop, say)
    assert [one["text"] for one in said[:-1]] == ["0", "1", "2"]
    assert said[-1]["looked"] == []


def test_the_exercise_is_named_where_the_learners_code_fails(mine, model) -> None:
    for file in ("tinytorch/core/memoization.py", "modules/17_memoization/memoization_dev.py"):
        right = (mine / file).read_text("utf-8")
        broken = right.replace("start, end = self.length,", "start, end = 1 / 0, self.length,")
        assert broken != right
        (mine / file).write_text(broken, "utf-8")
    done = chat(mine, "--model", model)
    assert done.returncode == 1
    assert "17.2" in done.stdout and "ZeroDivisionError" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_what_a_learners_module_prints_is_no_answer(mine, model) -> None:
    export = mine / "tinytorch" / "core" / "memoization.py"
    export.write_text(export.read_text("utf-8") + '\nprint("hello from the module")\n', "utf-8")
    done = chat(mine, "--model", model, "--tokens", 3)
    assert done.returncode == 0
    assert "hello from the module" in done.stderr


def test_a_text_that_does_not_fit_is_refused_and_the_talk_goes_on(mine, model) -> None:
    options = ["--model", model, "--context", 128, "--tokens", 3]
    done = chat(mine, *options, said="x" * 300 + "\nhi\n")
    assert done.returncode == 0
    assert "the context has room for" in done.stdout
    assert "> hi\n" in done.stdout and " written, " in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent otherwise there")
def test_ctrl_c_stops_the_answer_and_not_the_talk(mine, model) -> None:
    command = [sys.executable, "-m", "tito", "chat", "--model", str(model), "--context", "8192"]
    with subprocess.Popen(
        command, cwd=mine, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as talk:
        assert talk.stdin and talk.stdout
        talk.stdin.write("hello\n")
        talk.stdin.flush()
        seen = ""
        while "> hello\n" not in seen:
            seen += talk.stdout.read(1)
        seen += talk.stdout.read(1)
        talk.send_signal(signal.SIGINT)
        rest, _ = talk.communicate("again\n", timeout=120)
    assert talk.returncode == 0
    assert "written" in rest


def test_control_characters_of_a_model_do_not_reach_the_terminal() -> None:
    assert printable("a\x1b[2Jb\x07\n\tc\u202e") == "a[2Jb\n\tc"
