"""Milestone: a language model: 11 to 13 on all before, at gates that a broken one cannot pass."""

from collections.abc import Callable
from functools import cache

import numpy as np

from tests import oracles
from tinytorch.core.attention import create_padding_mask, vectorized_attention
from tinytorch.core.dataloader import DataLoader, TextWindows, endless
from tinytorch.core.layers import Layer
from tinytorch.core.losses import cross_entropy
from tinytorch.core.optimizers import AdamW
from tinytorch.core.tensor import Array, Tensor
from tinytorch.core.training import Trainer
from tinytorch.core.transformers import GPT, GPTConfig, generate

Batch = tuple[Array, ...]


def text_loss(model: Layer, batch: Batch) -> Tensor:
    return cross_entropy(model(batch[0]), batch[1])


CYCLE = np.array([0, 3, 1, 4, 1, 5, 2, 6] * 40)  # after 1 comes 4 or 5: only the past can tell
CONFIG = GPTConfig(7, context_len=16, num_layers=1, num_heads=2, embed_dim=16)


def language_model(attention: Callable[..., object] = vectorized_attention) -> GPT:
    return GPT(CONFIG, attention, rng=np.random.default_rng(1))


@cache
def trained_language_model() -> GPT:
    return fitted(CYCLE)


def fitted(ids: Array, steps: int = 120) -> GPT:
    model = language_model()
    loader = DataLoader(TextWindows(ids, 16), 8, shuffle=True, seed=4)
    optimizer = AdamW(model.parameters(), lr=0.02, weight_decay=0.0)
    Trainer(model, optimizer, text_loss, endless(loader)).train(steps)
    return model


def held_out() -> Batch:
    ids = np.array([CYCLE[start : start + 17] for start in range(3, 11)])
    return ids[:, :-1], ids[:, 1:]


def test_it_learns_what_only_the_past_can_tell() -> None:
    loss = text_loss(trained_language_model(), held_out()).item()
    best = 0.25 * np.log(2)  # every fourth token stands behind a 1, and is one of two
    assert loss < 0.6 * best, f"the loss is {loss:.3f}; without the past it is at least {best:.3f}"
    given = CYCLE[:12].tolist()
    rng = np.random.default_rng(5)
    new = list(generate(trained_language_model(), given, 8, temperature=0, rng=rng))
    assert new == CYCLE[12:20].tolist(), f"after {given} it says {new}"


def test_with_shuffled_text_it_learns_nothing_about_the_next_token() -> None:
    model = fitted(np.random.default_rng(6).permutation(CYCLE))
    loss = text_loss(model, held_out()).item()
    assert loss > 1.0, f"the loss is {loss:.2f}: the model saw what it should predict"


def test_its_loss_is_the_one_that_an_oracle_computes() -> None:
    model, (ids, following) = trained_language_model(), held_out()
    right = oracles.cross_entropy(oracles.gpt_logits(model.state_dict(), ids, 2), following)
    loss = text_loss(model, (ids, following)).item()
    assert abs(loss - right) < 1e-4, f"the loss is {loss}, recomputed {right}"


def test_a_later_token_changes_no_earlier_logit() -> None:
    model, ids = trained_language_model(), held_out()[0][:1]
    for place in range(1, 16):
        changed = ids.copy()
        changed[0, place] = (ids[0, place] + 1) % 7
        apart = np.abs(model(ids).data - model(changed).data)[0].max(axis=-1)
        assert not apart[:place].any(), f"token {place} is seen before its place"
        assert apart[place] > 0, f"token {place} changes nothing at its own place"


def test_the_order_of_earlier_tokens_counts() -> None:
    model, ids = trained_language_model(), held_out()[0][:1]
    swapped = ids.copy()
    swapped[0, [2, 7]] = ids[0, [7, 2]]
    assert ids[0, 2] != ids[0, 7]
    apart = np.abs(model(ids).data - model(swapped).data)[0, -1].max()
    assert apart > 1e-4, f"two tokens exchanged change the last logits by {apart}"


def test_keys_of_other_places_raise_the_loss() -> None:
    def with_rolled_keys(Q: Tensor, K: Tensor, V: Tensor, mask: object = None) -> object:
        order = np.roll(np.arange(K.shape[-2]), 1)
        return vectorized_attention(Q, K[..., order, :], V, mask)

    model, batch = trained_language_model(), held_out()
    other = language_model(with_rolled_keys)
    other.load_state_dict(model.state_dict())
    loss, shuffled = text_loss(model, batch).item(), text_loss(other, batch).item()
    assert shuffled > loss + 0.05, f"with its own keys {loss:.3f}, with others {shuffled:.3f}"


def test_padding_is_never_looked_at() -> None:
    mask = create_padding_mask([3, 5], 5)
    Q, K, V = (Tensor(np.random.default_rng(k).normal(size=(2, 5, 4))) for k in range(3))
    before, weights = vectorized_attention(Q, K, V, mask)
    V.data[0, 3:] = 1e6
    after, _ = vectorized_attention(Q, K, V, mask)
    assert (before.data == after.data).all() and not weights.data[0, :, 3:].any(), "padding counts"
