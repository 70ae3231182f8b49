"""The specification's PyTorch snippets run, with what it says of them put right.

PyTorch's layer means the opposite by True, adds a float mask, and averages the weights over heads.
"""

import re
from pathlib import Path

import numpy as np
import pytest

from tests.core.draw import assert_close, normal
from tinytorch.core.attention import MultiheadAttention, create_causal_mask, create_padding_mask
from tinytorch.core.tensor import Tensor

torch = pytest.importorskip("torch")
nn = torch.nn


@pytest.fixture(scope="module")
def mha():
    torch.manual_seed(0)
    return nn.MultiheadAttention(embed_dim=512, num_heads=8, batch_first=True)


@pytest.fixture(scope="module")
def x():
    return torch.tensor(normal(0, (2, 5, 512))[0], dtype=torch.float32)


def test_the_production_snippet_gives_weights_averaged_over_the_heads(mha, x) -> None:
    output, attn_weights = mha(x, x, x)
    assert (output.shape, attn_weights.shape) == ((2, 5, 512), (2, 5, 5))
    _, each = mha(x, x, x, average_attn_weights=False)
    assert each.shape == (2, 8, 5, 5)
    assert_close(each.mean(dim=1).detach(), attn_weights.detach(), 1e-6)


def test_the_mapping_snippet_needs_an_inverted_bool_mask(mha, x) -> None:
    causal_mask = torch.tensor(create_causal_mask(5).data)
    _, attn_weights = mha(x, x, x, attn_mask=causal_mask == 0)  # True is blocked
    assert not attn_weights.triu(1).any()
    _, ours = MultiheadAttention(512, 8)(*[Tensor(x.numpy())] * 3, mask=create_causal_mask(5))
    assert not np.triu(ours.data, 1).any()


def test_the_line_of_module_12_carries_a_mask_over(mha, x) -> None:
    """`attn_mask=torch.tensor((mask == 0).numpy())`, as it stands in the module's text."""
    text = Path(__file__).parents[3].joinpath("modules/12_attention/attention_dev.py")
    (line,) = re.findall(r"carry a mask over: `attn_mask=(.*?)`", text.read_text("utf-8"))
    for mask in (create_causal_mask(5), create_causal_mask(5) * create_padding_mask([5], 5)[0, 0]):
        attn_mask = eval(line, {"torch": torch, "mask": mask})
        assert not mha(x, x, x, attn_mask=attn_mask)[1].triu(1).any()


def test_the_mask_as_the_snippet_passes_it_lets_the_future_leak(mha, x) -> None:
    causal_mask = torch.tensor(create_causal_mask(5).data)
    _, added = mha(x, x, x, attn_mask=causal_mask)  # a float mask is added to the scores
    assert (added.triu(1)[:, :-1].sum(dim=-1) > 0).all()
    _, opposite = mha(x, x, x, attn_mask=causal_mask == 1)
    assert not opposite[:, :-1].tril().any() and opposite[:, -1].isnan().all()


class TransformerBlock(nn.Module):
    """The specification's usage example, word for word; it leaves out the normalisation."""

    def __init__(self, d_model=512, num_heads=8):
        super().__init__()
        self.mha = nn.MultiheadAttention(d_model, num_heads, batch_first=True)
        self.ffn = nn.Sequential(
            nn.Linear(d_model, 4 * d_model), nn.ReLU(), nn.Linear(4 * d_model, d_model)
        )

    def forward(self, x, mask=None):
        attn_out, _ = self.mha(x, x, x, attn_mask=mask)
        x = x + attn_out
        x = x + self.ffn(x)
        return x


def test_the_transformer_block_is_causal_with_an_inverted_bool_mask(x) -> None:
    block, mask = TransformerBlock(), torch.tensor(create_causal_mask(5).data == 0)
    changed = x.clone()
    changed[:, 3] += 1
    before, after = (block(v, mask).detach() for v in (x, changed))
    assert_close(after[:, :3], before[:, :3], 1e-5)
    assert (before[:, 3:] - after[:, 3:]).abs().amax(dim=-1).min() > 1e-3
    assert before.shape == x.shape
