"""Milestone: data, and training on it: 07, 08 and 10, at gates that broken ones cannot pass."""

import numpy as np

from tinytorch.core.activations import Tanh
from tinytorch.core.dataloader import ArrayDataset, DataLoader, TextWindows, endless
from tinytorch.core.layers import Layer, Linear, Sequential
from tinytorch.core.losses import cross_entropy
from tinytorch.core.optimizers import AdamW
from tinytorch.core.tensor import Array, Tensor
from tinytorch.core.tokenization import BPETokenizer, CharTokenizer, train_bpe
from tinytorch.core.training import DataParallel, Trainer, backward_in_parts, evaluate

Batch = tuple[Array, ...]
TEXT = "the cat sat on the mat and the dog sat on the cat. " * 3


def test_text_comes_back_from_its_tokens() -> None:
    characters, pieces = CharTokenizer(TEXT), BPETokenizer(train_bpe(TEXT, 280))
    for tokenizer, text in ((characters, TEXT), (pieces, "naïve 漢字 \r\n\x00 the cat")):
        ids = tokenizer.encode(text)
        assert tokenizer.decode(ids) == text, f"{text!r} comes back as {tokenizer.decode(ids)!r}"
    assert len(pieces.encode(TEXT)) < len(TEXT) / 2, "nothing was merged"


def test_every_window_comes_once_and_its_targets_are_one_place_on() -> None:
    ids = np.arange(101)
    loader = DataLoader(TextWindows(ids, 7), 5, shuffle=True, seed=1)
    batches = list(loader)
    for x, y in batches:
        assert (y == x + 1).all(), "the targets are not the tokens one place on"
    starts = np.concatenate([x[:, 0] for x, _ in batches])
    assert sorted(starts) == list(range(94)), "a window is missing, or comes twice"
    assert (starts != np.arange(94)).any(), "they are not shuffled"


def loss_of(model: Layer, batch: Batch) -> Tensor:
    return cross_entropy(model(Tensor(batch[0])), batch[1])


def points(seed: int, count: int = 256) -> Batch:
    """Points of a square; the label is whether exactly one coordinate is positive."""
    x = np.random.default_rng(seed).uniform(-1, 1, (count, 2))
    return x, ((x[:, 0] > 0) != (x[:, 1] > 0)).astype(int)


def small_network() -> Sequential:
    rng = np.random.default_rng(0)
    return Sequential(Linear(2, 16, rng=rng), Tanh(), Linear(16, 2, rng=rng))


def trainer(model: Layer, **options: object) -> Trainer:
    loader = DataLoader(ArrayDataset(*points(6)), 31, shuffle=True, seed=2)
    return Trainer(model, AdamW(model.parameters(), lr=0.01), loss_of, endless(loader), **options)


def test_parts_and_threads_give_the_gradients_of_the_whole_batch() -> None:
    gradients = []
    for way in (backward_in_parts(1), backward_in_parts(3), DataParallel(2)):
        model = small_network().to(np.float64)
        way(model, loss_of, points(7, 29))
        gradients.append(np.concatenate([p.grad.ravel() for p in model.parameters()]))
    for other in gradients[1:]:
        assert np.allclose(other, gradients[0], rtol=0, atol=1e-12), "the gradients differ"


def test_the_trainer_lowers_the_loss_and_evaluation_changes_nothing() -> None:
    model = small_network()
    run = trainer(model)
    run.train(60)
    before = {name: x.copy() for name, x in model.state_dict().items()}
    loss = evaluate(model, [points(8)], loss_of)
    after = model.state_dict()
    assert all((after[name] == before[name]).all() for name in before), "evaluation changed it"
    assert loss < run.history[0].loss, f"from {run.history[0].loss} to {loss}"
