"""Counts from the graph: on paper, for every attention, for whole models, and what is refused."""

import numpy as np
import pytest

from tinytorch.core.activations import relu
from tinytorch.core.attention import MultiHeadAttention, create_causal_mask
from tinytorch.core.autograd import no_grad
from tinytorch.core.embeddings import Embedding
from tinytorch.core.layers import Layer, Linear, Sequential
from tinytorch.core.profiling import (
    STEPS,
    Row,
    count_ops,
    nodes_of,
    profile,
    recorded_nodes,
)
from tinytorch.core.tensor import Op, Tensor, op
from tinytorch.core.transformers import GPT, GPTConfig

SIZES = GPTConfig(vocab_size=13, context_len=11, num_layers=2, num_heads=2, embed_dim=6)


def totals(rows: list[Row]) -> dict[str, int]:
    names = ("products", "others", "backward", "bytes")
    return {name: sum(getattr(row, name) for row in rows) for name in names}


def test_a_linear_layer_on_paper() -> None:
    """(2, 3) @ (3, 5) + (5,): 30 multiply-adds, then 10 additions."""
    rows = profile(Linear(3, 5), Tensor(np.ones((2, 3))))
    assert rows == [
        Row("matmul", 1, 60, 0, 120, 4 * (6 + 15 + 10)),
        Row("add", 1, 0, 10, 0, 4 * (10 + 5 + 10)),
    ]
    assert rows[0].intensity == 60 / 124


def test_views_are_free_copies_are_paid_and_a_table_is_not_read_whole() -> None:
    x = Tensor(np.ones((2, 3)))

    def moved(function) -> list[int]:
        return [row.bytes for row in profile(function, x)]

    assert moved(lambda x: x.T[:1]) == [0, 0]
    assert moved(lambda x: x.T.reshape(6)) == [0, 4 * 12]
    assert moved(lambda x: x[[1, 1, 1]]) == [4 * 18]
    (lookup,) = profile(Embedding(11, 3), [1, 5])
    assert lookup.bytes == 4 * 2 * 6


def test_a_sum_costs_an_operation_for_each_number_that_goes_in() -> None:
    (row,) = profile(lambda x: x.sum(), Tensor(np.ones((2, 3))))
    assert (row.products, row.others, row.bytes) == (0, 6, 4 * 7)


def test_every_attention_has_the_same_products(attention) -> None:
    """q kᵀ and weights · v: (2, 5, 7) scores of 3, then (2, 5, 11) outputs of 7."""
    q, k, v = (Tensor(np.ones(shape)) for shape in ((2, 5, 3), (2, 7, 3), (2, 7, 11)))
    table = profile(attention, q, k, v)
    assert totals(table)["products"] == 2 * (2 * 5 * 7 * 3 + 2 * 5 * 7 * 11)
    assert totals(table)["backward"] == 2 * totals(table)["products"]


def test_a_mask_goes_by_name_and_changes_no_product(attention) -> None:
    x = Tensor(np.ones((2, 5, 3)))
    masked = profile(attention, x, x, x, mask=create_causal_mask(5))
    assert totals(masked)["products"] == totals(profile(attention, x, x, x))["products"]


def test_a_gpt_costs_its_matrices_and_its_pairs(attention) -> None:
    model, ids = GPT(SIZES, attention), np.zeros((3, 7), int)
    weights = sum(x.data.size for name, x in model.named_parameters() if "positions" not in name)
    weights -= sum(x.data.size for x in model.parameters() if x.ndim == 1)
    pairs = 2 * 2 * 7 * 7 * 6  # layers, products; n, n, width
    assert totals(profile(model, ids))["products"] == 2 * 3 * (7 * weights + pairs)


def test_frozen_parameters_and_no_grad_hide_nothing_and_stay_as_they_were() -> None:
    model, ids = GPT(SIZES), np.zeros((1, 3), int)
    whole = totals(profile(model, ids))
    for parameter in model.parameters():
        parameter.requires_grad = False
    with no_grad():
        frozen = totals(profile(model, ids))
        assert not nodes_of(model(ids))
    assert {**frozen, "backward": 0} == {**whole, "backward": 0}
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_an_error_in_the_model_leaves_it_as_it_was() -> None:
    model = Linear(3, 5)
    model.weight.requires_grad = False
    with no_grad():
        with pytest.raises(ValueError, match="in_features=3"):
            profile(model, Tensor(np.ones((2, 7))))
        assert not Op.recording
    assert not model.weight.requires_grad


def test_profiling_leaves_the_inputs_alone() -> None:
    x = Tensor(np.ones((2, 3)))
    profile(Linear(3, 5), x)
    assert not x.requires_grad and x.node is None


def test_what_is_shared_by_several_results_counts_once() -> None:
    x = Tensor(np.ones((2, 3)))

    def several(x: Tensor) -> dict[str, object]:
        h = x * 2
        return {"one": h + 1, "others": [h - 1, (h,)]}

    assert {row.op: row.calls for row in profile(several, x)} == {
        "add": 1, "multiply": 1, "subtract": 1,
    }  # fmt: skip


@pytest.mark.parametrize("function", [lambda x: 3.0, lambda x: x, lambda x: Tensor([1.0]) * 2])
def test_where_nothing_was_recorded_it_says_so(function) -> None:
    with pytest.raises(ValueError, match="no tensor made by an op"):
        profile(function, Tensor(np.ones(3)))


def test_an_unknown_op_is_named_with_what_to_type(monkeypatch) -> None:
    @op
    def twice(a):
        return a * 2

    with pytest.raises(ValueError, match=r"op twice has no count.*STEPS\['twice'\] = 1"):
        profile(twice, Tensor(np.ones(3)))
    monkeypatch.setitem(STEPS, "twice", 1)
    assert profile(twice, Tensor(np.ones(3)))[0].others == 3


def test_a_deep_model_is_walked_without_recursion() -> None:
    class Deep(Layer):
        def forward(self, x: Tensor) -> Tensor:
            for _ in range(3000):
                x = x + 1
            return x

    assert profile(Deep(), Tensor(np.ones(2)))[0].calls == 3000


def test_every_op_of_the_library_has_a_count() -> None:
    import importlib
    import pkgutil

    import tinytorch.core
    from tinytorch import fused

    found = {each.name for each in pkgutil.iter_modules(tinytorch.core.__path__)}
    names = found - {"acceleration"}  # one op there hides many; `op_flops` names it
    modules = [importlib.import_module(f"tinytorch.core.{name}") for name in names]
    ops = [each for module in [*modules, fused] for each in vars(module).values()]
    assert {each.__name__ for each in ops if isinstance(each, Op)} <= STEPS.keys()


def test_products_of_attention_grow_with_the_square_of_the_words(attention) -> None:
    costs = [
        totals(profile(attention, *[Tensor(np.ones((1, n, 3)))] * 3))["products"] for n in (3, 9)
    ]
    assert costs[1] == 9 * costs[0]


def test_the_nodes_of_a_graph_that_was_made_count_as_it_stands() -> None:
    """Training: the data needs no gradient, so the first layer needs one product, not two."""
    model = Sequential(Linear(3, 5), relu, Linear(5, 7))
    x = Tensor(np.ones((2, 3)))
    made = totals(count_ops(nodes_of(model(x))))
    assert made["products"] == 2 * (2 * 3 * 5 + 2 * 5 * 7)
    assert made["backward"] == 2 * (2 * 3 * 5) + 2 * 2 * (2 * 5 * 7)
    assert totals(count_ops(recorded_nodes(model, x)))["backward"] == 2 * made["products"]


def test_heads_cost_what_one_head_costs() -> None:
    x = Tensor(np.ones((2, 5, 6)))
    one, three = (totals(profile(MultiHeadAttention(6, heads), x)) for heads in (1, 3))
    assert one["products"] == three["products"] == 2 * 2 * (4 * 5 * 6 * 6 + 2 * 5 * 5 * 6)
