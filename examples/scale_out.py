"""Carry a trained GPT to PyTorch and train on there, in one process or in many.

    python examples/scale_out.py shakespeare.safetensors    # what examples/shakespeare.py saved
    torchrun --nproc_per_node 2 examples/scale_out.py shakespeare.safetensors
    python examples/scale_out.py                            # from nothing: a tiny model first

Both models must give the same logits, or it stops. Then each process takes an equal share of every
batch, and PyTorch averages their gradients: any number of processes makes the same steps. The file
that is saved is the course's again: python examples/shakespeare.py --chat --model FILE.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import own_package  # noqa: F401
from shakespeare import BATCH_SIZE, load, make_model, make_trainer

from tinytorch import data_sets
from tinytorch.core.attention import vectorized_attention
from tinytorch.core.autograd import no_grad
from tinytorch.core.dataloader import DataLoader, TextWindows, endless, split_by_position
from tinytorch.core.tensor import Array
from tinytorch.core.tokenization import CharTokenizer
from tinytorch.core.training import Batch, save_checkpoint, split_batch
from tinytorch.core.transformers import GPT, GPTConfig, load_weights

try:
    import torch
except ModuleNotFoundError:
    sys.exit("no PyTorch here; the course needs none, this example does: pip install torch")
from gpt_in_pytorch import TorchGPT, to_torch
from torch import distributed, nn
from torch.nn import functional as F  # noqa: N812, PyTorch's own custom
from torch.nn.parallel import DistributedDataParallel

SHORT_TEXT = "the cat sat on the mat and the dog sat on the cat. " * 20
TINY = {"context_len": 16, "num_layers": 2, "num_heads": 2, "embed_dim": 32}
TINY_STEPS = 100
LIMIT = 1e-4  # the same float32 numbers in another order differ by their rounding: by less


@dataclass(frozen=True)
class World:
    """Which process this is, of how many, and where it computes."""

    rank: int
    size: int
    device: torch.device

    def say(self, text: str) -> None:
        """Print, once for all processes."""
        if self.rank == 0:
            print(text, flush=True)

    def mean(self, number: torch.Tensor) -> float:
        """Average a number over the processes."""
        if self.size > 1:
            distributed.all_reduce(number)  # the sum, in the place of the number
        return number.item() / self.size


def find_world() -> World:
    """Read what torchrun says of this process; started without it, it is the only one."""
    said = {name: int(os.environ.get(name, 0)) for name in ("RANK", "LOCAL_RANK")}
    size, here = (int(os.environ.get(name, 1)) for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"))
    gpus = torch.cuda.device_count() >= here  # one for each process of this machine, or none
    device = torch.device("cuda", said["LOCAL_RANK"]) if gpus else torch.device("cpu")
    return World(said["RANK"], size, device)


def largest_difference(model: GPT, twin: TorchGPT, ids: Array) -> float:
    """Compare the logits of ids (batch, n); a `ValueError` above the limit."""
    with no_grad(), torch.no_grad():
        theirs = twin.eval()(torch.tensor(ids)).numpy()
        difference = float(np.abs(model.eval()(ids).numpy() - theirs).max())
    if not difference <= LIMIT:  # NaN is refused, too
        raise ValueError(f"the logits differ by {difference:.1e}, above {LIMIT}: unequal models")
    return difference


def make_optimizer(twin: TorchGPT, lr: float) -> torch.optim.AdamW:
    """The one of examples/shakespeare.py: what `decays=` says there, groups say here."""
    matrices = [parameter for parameter in twin.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in twin.parameters() if parameter.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.99))


def train(twin: TorchGPT, batches: Iterable[Batch], lr: float, world: World) -> list[float]:
    """Make a step for each batch, of which this process takes its share; give the mean losses."""
    twin.to(world.device).train()
    model = DistributedDataParallel(twin) if world.size > 1 else twin
    optimizer, losses = make_optimizer(twin, lr), []
    for batch in batches:
        share = split_batch(batch, world.size)[world.rank]
        ids, following = (torch.tensor(x, dtype=torch.long, device=world.device) for x in share)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(ids).flatten(0, 1), following.flatten())
        loss.backward()  # with DistributedDataParallel: leaves the mean over the processes
        nn.utils.clip_grad_norm_(twin.parameters(), 1.0)
        optimizer.step()
        losses.append(world.mean(loss.detach()))
        world.say(f"step {len(losses)}: loss {losses[-1]:.6f}")
    twin.cpu()
    return losses


def train_together(
    twin: TorchGPT, batches: Iterable[Batch], lr: float, world: World
) -> list[float]:
    """Train as a member of a group of processes, where there are several."""
    if world.size == 1:
        return train(twin, batches, lr, world)
    if world.device.type == "cuda":
        torch.cuda.set_device(world.device)
    distributed.init_process_group("nccl" if world.device.type == "cuda" else "gloo")
    try:
        return train(twin, batches, lr, world)
    finally:
        distributed.destroy_process_group()


def read_model(path: Path) -> tuple[GPT, CharTokenizer]:
    """Read what examples/shakespeare.py saved; a size that GPTConfig has not is refused."""
    try:
        return load(path, vectorized_attention)
    except TypeError as error:
        raise ValueError(f"{path}: what GPTConfig has is carried, and no more; {error}") from None


def read_text(options: argparse.Namespace) -> str:
    """Read one's own text, or that of the model's first training."""
    if options.text:
        return str(options.text.read_text("utf-8"))
    return data_sets.text("tinyshakespeare") if options.model else SHORT_TEXT


def require_batch(ids: Array, context_len: int, batch_size: int, processes: int) -> None:
    """Refuse a batch without equal shares, and a text without one batch."""
    if batch_size % processes:
        shares = "with unequal shares the mean of their gradients is not the batch's"
        raise ValueError(f"batch_size {batch_size} for {processes} processes: {shares}")
    needed = context_len + batch_size
    if len(ids) < needed:
        wanted = f"a batch of {batch_size}, {context_len} characters each, needs {needed}"
        raise ValueError(f"the text has {len(ids)} characters to train on, too few; {wanted}")


def compare(losses: list[float], path: Path) -> float:
    """Compare with the losses that a run before wrote; a `ValueError` above the limit."""
    before = np.loadtxt(path, ndmin=1)
    if len(before) != len(losses):
        raise ValueError(f"{path} has {len(before)} losses, this run {len(losses)}")
    difference = float(np.abs(before - losses).max(initial=0))
    if not difference <= LIMIT:
        raise ValueError(f"the losses differ from {path} by {difference:.1e}, above {LIMIT}")
    return difference


def save(model: GPT, tokenizer: CharTokenizer, twin: TorchGPT, path: Path, ids: Array) -> float:
    """Bring PyTorch's numbers back, save, and compare what the file holds with them."""
    load_weights(model, {name: x.numpy() for name, x in twin.state_dict().items()})
    notes = {"config": asdict(model.config), "characters": "".join(tokenizer.characters)}
    save_checkpoint(path, model.state_dict(), notes)
    return largest_difference(read_model(path)[0], twin, ids)


def scale_out(options: argparse.Namespace, world: World) -> None:
    """Carry over, compare, train on, bring back."""
    text = read_text(options)
    if options.model:
        model, tokenizer = read_model(options.model)
    else:
        tokenizer = CharTokenizer(text)
        config = GPTConfig(tokenizer.vocab_size, **TINY)
        model = make_model(config, vectorized_attention, options.seed)
    ids, _ = split_by_position(np.array(tokenizer.encode(text)))
    require_batch(ids, model.config.context_len, options.batch_size, world.size)
    if not options.model:
        world.say(f"no model is given: a tiny one learns for {TINY_STEPS} steps first")
        make_trainer(model, ids, steps=TINY_STEPS, workers=1, seed=options.seed).train(TINY_STEPS)

    windows, twin = TextWindows(ids, model.config.context_len), to_torch(model)
    seen, _ = windows.batch([0, len(windows) - 1])
    difference = largest_difference(model, twin, seen)
    world.say(f"carried over: the logits differ by at most {difference:.1e}")

    torch.manual_seed(options.seed + world.rank)  # of dropout: each process draws its own
    each = f"{options.batch_size // world.size} of {options.batch_size} pieces a step"
    world.say(f"{world.size} process(es) on {world.device.type}, each takes {each}")
    loader = DataLoader(
        windows, options.batch_size, shuffle=True, drop_last=True, seed=options.seed
    )
    losses = train_together(twin, islice(endless(loader), options.steps), options.lr, world)
    if world.rank != 0:
        return
    difference = save(model, tokenizer, twin, options.save, seen)
    print(f"saved {options.save}; back in the course the logits differ by at most {difference:.1e}")
    if options.losses:
        np.savetxt(options.losses, losses)
    if options.compare:
        print(f"losses as in {options.compare}, but for {compare(losses, options.compare):.1e}")


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model", type=Path, nargs="?", help="what examples/shakespeare.py saved")
    parser.add_argument("--text", type=Path, help="another text to train on")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=BATCH_SIZE, help="of all processes")
    parser.add_argument("--lr", type=float, default=1e-4, help="where the schedule before ended")
    parser.add_argument("--seed", type=int, default=1337)
    parser.add_argument("--save", type=Path, default=Path("scaled_out.safetensors"))
    parser.add_argument("--losses", type=Path, help="write the loss of each step")
    parser.add_argument("--compare", type=Path, help="a file of --losses: must be equal to 1e-4")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    options = read_options(arguments)
    world = find_world()
    try:
        scale_out(options, world)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
