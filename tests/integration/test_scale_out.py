"""examples/scale_out.py: a GPT goes to PyTorch, learns there in some processes, comes back."""

import os
import subprocess
import sys
from dataclasses import asdict
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from tinytorch.core.attention import vectorized_attention
from tinytorch.core.autograd import no_grad
from tinytorch.core.dataloader import DataLoader, TextWindows, split_by_position
from tinytorch.core.tokenization import CharTokenizer
from tinytorch.core.training import load_checkpoint, save_checkpoint
from tinytorch.core.transformers import GPT, GPTConfig

torch = pytest.importorskip("torch")
EXAMPLES = Path(__file__).parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))
example, twins, shakespeare = map(import_module, ("scale_out", "gpt_in_pytorch", "shakespeare"))

TEXT = "the cat sat on the mat and the dog sat on the cat. " * 26
SMALL = {"context_len": 11, "num_layers": 2, "num_heads": 3, "embed_dim": 18}
LLAMA = {"positions": "rotary", "norm": "rms", "feed_forward": "swiglu", "bias": False}
CONFIGS = {
    "as GPT-2": {},
    "sinusoidal": {"positions": "sinusoidal"},
    "rotary": {"positions": "rotary"},
    "rms": {"norm": "rms"},
    "swiglu": {"feed_forward": "swiglu"},
    "without bias": {"bias": False},
    "another width inside": {"hidden_dim": 7},
    "dropout": {"dropout": 0.5},
    "as Llama": LLAMA,
}
STEPS = ["--steps", "12", "--batch-size", "6", "--lr", "0.02"]  # large, so that mistakes show


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """As in a process of torchrun: threads that wait for each other cost more than they save."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def random_gpt(**changed) -> GPT:
    """A GPT in which no two parts are alike; its tables are small, so that a norm's eps counts."""
    rng = np.random.default_rng(11)
    model = GPT(GPTConfig(**{"vocab_size": 13, **SMALL, **changed}), vectorized_attention)
    for name, parameter in model.named_parameters():
        std = 0.06 if name.startswith(("tokens", "positions")) else 0.5
        parameter.data = rng.normal(0, std, parameter.shape).astype(np.float32)
    return model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A text, and a model of its letters as examples/shakespeare.py saves one."""
    place = tmp_path_factory.mktemp("scale_out")
    (place / "text.txt").write_text(TEXT, "utf-8")
    letters = CharTokenizer(TEXT).characters
    config = GPTConfig(len(letters), **SMALL)
    model = GPT(config, vectorized_attention, rng=np.random.default_rng(5))
    notes = {"config": asdict(config), "characters": "".join(letters)}
    save_checkpoint(place / "model.safetensors", model.state_dict(), notes)
    return place


def command(folder: Path, *more: str) -> list[str]:
    places = ["--text", str(folder / "text.txt"), "--save", str(folder / "saved.safetensors")]
    return [str(folder / "model.safetensors"), *places, *STEPS, *more]


@pytest.fixture(scope="module")
def alone(folder):
    """The losses of one process, and its file."""
    assert example.main(command(folder, "--losses", str(folder / "losses.txt"))) == 0
    return np.loadtxt(folder / "losses.txt"), folder / "saved.safetensors"


@pytest.mark.parametrize("changed", CONFIGS.values(), ids=CONFIGS)
def test_the_logits_are_equal(changed):
    model = random_gpt(**changed)
    ids = np.random.default_rng(3).integers(0, 13, (5, 11))
    assert example.largest_difference(model, twins.to_torch(model), ids) < 2e-6


def test_dropout_is_carried():
    twin, used = twins.to_torch(random_gpt(dropout=0.5)).train(), []
    for name, part in twin.named_modules():
        if isinstance(part, torch.nn.Dropout):
            assert part.p == 0.5
            part.register_forward_hook(lambda *_, name=name: used.append(name))
    ids = torch.ones((1, 11), dtype=torch.long)
    assert not torch.equal(twin(ids), twin(ids))
    assert used[:5] == ["dropout", *["blocks.0.dropout"] * 2, *["blocks.1.dropout"] * 2]
    assert torch.equal(twin.eval()(ids), twin(ids))


@pytest.mark.parametrize("name", ["blocks.1.norm2.bias", "norm.weight", "tokens.weight"])
def test_another_model_is_refused(name):
    model = random_gpt()
    twin = twins.to_torch(model)
    twin.get_parameter(name).data[-1] += 0.1
    with pytest.raises(ValueError, match=r"logits differ by .* above 0\.0001"):
        example.largest_difference(model, twin, np.full((1, 11), 12))
    twin.get_parameter(name).data[-1] = np.nan
    with pytest.raises(ValueError, match="logits differ by nan"):
        example.largest_difference(model, twin, np.full((1, 11), 12))


def test_the_losses_are_those_of_the_same_steps_in_the_course(folder, alone):
    model, tokenizer = shakespeare.load(folder / "model.safetensors", vectorized_attention)
    ids, _ = split_by_position(np.array(tokenizer.encode(TEXT)))
    trainer = shakespeare.make_trainer(model, ids, steps=100, workers=1, seed=0)
    trainer.schedule, trainer.optimizer.lr = None, 0.02
    windows = TextWindows(ids, 11)
    trainer.batches = DataLoader(windows, 6, shuffle=True, drop_last=True, seed=1337)
    trainer.train(12)
    assert np.allclose([record.loss for record in trainer.history], alone[0], rtol=0, atol=1e-4)
    assert alone[0][0] - alone[0][-1] > 0.3, "nothing was learned"


@pytest.mark.slow
def test_two_processes_make_the_steps_of_one(folder, alone):
    losses, saved = alone
    kept = load_checkpoint(saved)[0]
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    more = ("--compare", str(folder / "losses.txt"), "--losses", str(folder / "two.txt"))
    arguments = [*run, str(EXAMPLES / "scale_out.py"), *command(folder, *more)]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(arguments, capture_output=True, encoding="utf-8", env=environment)
    assert done.returncode == 0, done.stderr
    assert "2 process(es) on cpu, each takes 3 of 6 pieces a step" in done.stdout
    assert done.stdout.count("step 12: loss") == 1, "more than one process prints"
    assert np.allclose(np.loadtxt(folder / "two.txt"), losses, rtol=0, atol=1e-4)
    moved = load_checkpoint(saved)[0]
    assert all(np.allclose(moved[name], kept[name], rtol=0, atol=0.02) for name in kept)


def test_what_was_learned_comes_back(folder, alone, capsys, monkeypatch):
    before, _ = shakespeare.load(folder / "model.safetensors", vectorized_attention)
    after, tokenizer = shakespeare.load(alone[1], vectorized_attention)
    ids = np.array([tokenizer.encode("the cat sat")])
    with no_grad():
        assert np.abs(after.eval()(ids).data - before.eval()(ids).data).max() > 0.1
    assert example.largest_difference(after, twins.to_torch(after), ids) < 1e-4
    monkeypatch.setattr("builtins.input", partial(next, iter(["the cat", ""])))
    assert shakespeare.main(["--chat", "--model", str(alone[1]), "--length", "5"]) == 0
    assert len(capsys.readouterr().out.splitlines()[0]) == len("the cat") + 5


def test_from_nothing_a_tiny_model_learns_first(tmp_path, capsys):
    saved = tmp_path / "saved.safetensors"
    assert example.main(["--steps", "2", "--save", str(saved)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "no model is given: a tiny one learns for 100 steps first"
    assert float(shown[3].removeprefix("step 1: loss ")) < 2.0 and saved.exists()


def test_each_mistake_is_named(folder, tmp_path, capsys, monkeypatch):
    def says(*arguments):
        assert example.main([str(part) for part in arguments]) == 1
        return capsys.readouterr().err

    given, text = folder / "model.safetensors", folder / "text.txt"
    assert "no-text" in says(given, "--text", tmp_path / "no-text")
    assert "shakespeare.py trains one" in says(tmp_path / "none", "--text", text)
    save_checkpoint(tmp_path / "other", {"a": np.ones(2)}, {"step": 1})
    assert "is no model of this example" in says(tmp_path / "other", "--text", text)
    assert "no file of safetensors" in says(text, "--text", text)
    tensors, notes = load_checkpoint(given)
    notes["config"]["num_kv_heads"] = 1
    save_checkpoint(tmp_path / "wider", tensors, notes)
    assert "num_kv_heads" in says(tmp_path / "wider", "--text", text)
    (tmp_path / "short").write_text("the cat sat", "utf-8")
    assert "10 characters to train on, too few" in says(given, "--text", tmp_path / "short")
    (tmp_path / "strange").write_text("thé cat", "utf-8")
    assert "'é' at position 2" in says(given, "--text", tmp_path / "strange")
    monkeypatch.setenv("WORLD_SIZE", "5")
    assert "batch_size 12 for 5 processes" in says(given, "--text", text)


def test_another_curve_is_refused(alone, tmp_path):
    for name, other in (("shorter", alone[0][1:]), ("moved", alone[0] + 2e-4)):
        np.savetxt(tmp_path / name, other)
        with pytest.raises(ValueError, match=f"{name} has 11|differ from .*{name} by 2.0e-04"):
            example.compare([*alone[0]], tmp_path / name)


def test_without_pytorch_it_says_what_to_type():
    code = "import runpy, sys; sys.modules['torch'] = None; runpy.run_path(sys.argv[1])"
    arguments = [sys.executable, "-c", code, str(EXAMPLES / "scale_out.py")]
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES)}  # as for a script that is started
    run = subprocess.run(arguments, capture_output=True, encoding="utf-8", env=environment)
    assert run.returncode == 1 and run.stderr.strip().endswith("pip install torch")
