"""What a parameter is: frozen, shared, replaced, copied, and wherever it is kept."""

import copy
import pickle
from collections import OrderedDict, deque
from types import MappingProxyType

import numpy as np
import pytest

from tinytorch.core.layers import Dropout, Layer, Linear, Sequential
from tinytorch.core.tensor import Tensor


class Scale(Layer):
    """One parameter and one constant."""

    def __init__(self, *numbers: float) -> None:
        self.factor = Tensor(np.array(numbers), requires_grad=True)
        self.table = Tensor([7.0])

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor + self.table


def holder(**parts: object) -> Layer:
    layer = Layer()
    for name, part in parts.items():
        setattr(layer, name, part)
    return layer


def names(layer: Layer) -> list[str]:
    return sorted(name for name, _ in layer.named_parameters())


def freeze(layer: Layer) -> None:
    for parameter in layer.parameters():
        parameter.requires_grad = False


class TestFreezing:
    def test_a_frozen_parameter_is_still_named_saved_loaded_and_converted(self) -> None:
        model = Sequential(Linear(2, 3), Linear(3, 1))
        before, state = names(model), model.state_dict()
        freeze(model[0])
        assert names(model) == before == sorted(model.state_dict())
        model.load_state_dict({name: 2 * array for name, array in state.items()})
        assert (model[0].weight.data == 2 * state["0.weight"]).all()
        assert model.to(np.float64)[0].weight.dtype == np.float64
        assert [p.requires_grad for p in model.parameters()] == [False, False, True, True]

    @pytest.mark.parametrize("keep", [lambda t: t, lambda t: [t], lambda t: {"a": (1, [t])}])
    def test_it_is_one_even_if_nobody_asked_before_it_was_frozen(self, keep) -> None:
        tensor = Tensor([1.0], requires_grad=True)
        layer = holder(kept=keep(tensor))
        tensor.requires_grad = False
        assert layer.parameters() == [tensor]

    def test_a_constant_is_neither_saved_nor_converted(self) -> None:
        layer = Scale(2.0)
        assert names(layer) == ["factor"] == sorted(layer.state_dict())
        assert layer.to(np.float64).table.dtype == np.float32

    def test_a_constant_that_is_thawed_becomes_a_parameter_and_stays_one(self) -> None:
        layer = Scale(2.0)
        layer.table.requires_grad = True
        assert names(layer) == ["factor", "table"]
        layer.table.requires_grad = False
        assert names(layer) == ["factor", "table"]


class TestReplacing:
    def test_another_parameter_takes_its_place(self) -> None:
        layer, other = Linear(2, 3), Tensor(np.ones((2, 3)), requires_grad=True)
        layer.weight = other
        assert layer.weight is other and len(layer.parameters()) == 2

    def test_none_and_del_take_it_away(self) -> None:
        layer = Linear(2, 3)
        layer.bias = None
        assert names(layer) == ["weight"]
        del layer.weight
        assert names(layer) == []

    @pytest.mark.parametrize("made", [lambda w: w.detach(), lambda w: w * 0.9])
    def test_a_tensor_that_does_not_learn_is_refused_in_its_place(self, made) -> None:
        layer = Linear(2, 3)
        freeze(layer)
        with pytest.raises(TypeError, match=r"weight is a parameter of Linear.*requires_grad=True"):
            layer.weight = made(layer.weight)

    def test_another_constant_takes_the_place_of_a_constant(self) -> None:
        layer = Scale(2.0)
        layer.table = Tensor([1.0])
        assert names(layer) == ["factor"]


class TestSharing:
    def tied(self) -> Layer:
        first, second = Linear(3, 3), Linear(3, 3)
        second.weight = first.weight
        return holder(first=first, second=second, again=[first])

    def test_the_state_has_every_name_and_parameters_come_once(self) -> None:
        model = self.tied()
        assert names(model) == ["first.bias", "first.weight", "second.bias"]
        assert sorted(model.state_dict()) == [
            *("again.0.bias", "again.0.weight"),
            *("first.bias", "first.weight", "second.bias", "second.weight"),
        ]

    def test_it_loads_under_all_names_and_stays_shared(self) -> None:
        saved, loaded = self.tied(), self.tied()
        loaded.load_state_dict(saved.state_dict())
        assert (loaded.second.weight.data == saved.first.weight.data).all()
        assert loaded.first.weight is loaded.second.weight

    def test_a_name_that_is_missing_is_told(self) -> None:
        model = self.tied()
        state = model.state_dict()
        del state["second.weight"]
        with pytest.raises(ValueError, match=r"second\.weight"):
            model.load_state_dict(state)

    def test_layers_that_lead_back_are_walked_once(self) -> None:
        parent, child = holder(), Scale(1.0)
        parent.child, child.parent, parent.me = child, parent, [parent]
        assert names(parent) == ["child.factor"] == sorted(parent.state_dict())
        assert parent.eval().child.training is False

    def test_a_list_in_itself_is_no_endless_loop(self) -> None:
        parts: list = [Scale(1.0)]
        parts.append(parts)
        assert names(holder(parts=parts)) == ["parts.0.factor"]

    def test_names_are_those_of_pytorch(self) -> None:
        torch = pytest.importorskip("torch")
        ours, theirs = Linear(2, 2), torch.nn.Linear(2, 2)
        one, two = Sequential(ours, Sequential(ours)), None
        two = torch.nn.Sequential(theirs, torch.nn.Sequential(theirs))
        for model in (one, two):
            model[0].weight.requires_grad = False
        assert sorted(one.state_dict()) == sorted(two.state_dict())
        assert names(one) == sorted(name for name, _ in two.named_parameters())


KEPT = {
    "list": (lambda a, b: [a, b], ["x.0.factor", "x.1.factor"]),
    "tuple in a list": (lambda a, b: [1, (a, [b])], ["x.1.0.factor", "x.1.1.0.factor"]),
    "dict": (lambda a, b: {"a": a, "b": b}, ["x.a.factor", "x.b.factor"]),
    "ordered": (lambda a, b: OrderedDict(b=b, a=[a]), ["x.a.0.factor", "x.b.factor"]),
    "proxy": (lambda a, b: MappingProxyType({"a": a, "b": b}), ["x.a.factor", "x.b.factor"]),
    "list in a dict": (
        lambda a, b: {1: [a], "d": [{"c": b}]},
        ["x.1.0.factor", "x.d.0.c.factor"],
    ),
}


class TestKeeping:
    @pytest.mark.parametrize("kind", KEPT)
    def test_layers_are_found(self, kind) -> None:
        keep, expected = KEPT[kind]
        first, second = Scale(1.0), Scale(2.0)
        layer = holder(x=keep(first, second))
        assert names(layer) == expected == sorted(layer.state_dict())
        layer.eval().to(np.float64)
        assert not first.training and not second.training
        assert second.factor.dtype == np.float64

    @pytest.mark.parametrize(
        "keep",
        [lambda a: {a}, lambda a: frozenset([a]), lambda a: deque([a]), lambda a: {1: a}.values(),
         lambda a: [{"x": {a}}]],
    )  # fmt: skip
    @pytest.mark.parametrize("part", [Scale(1.0), Scale(1.0).factor], ids=["layer", "tensor"])
    def test_where_they_would_have_no_name_they_are_refused(self, keep, part) -> None:
        kind = type(part).__name__
        with pytest.raises(TypeError, match=f"a {kind} stands in a .*list, a tuple or a dict"):
            holder(x=keep(part))

    @pytest.mark.parametrize("key", [0, ("a", 1), "a.b", "", None])
    def test_a_key_that_makes_no_name_is_refused(self, key) -> None:
        with pytest.raises(TypeError, match=r"a Scale has the key .* use text without a dot"):
            holder(x={key: Scale(1.0)})

    def test_what_is_added_later_is_found_or_refused(self) -> None:
        layer = holder(x=[], y={})
        layer.x.append(Scale(1.0))
        layer.y["a"] = Scale(1.0)
        assert names(layer) == ["x.0.factor", "y.a.factor"]
        layer.x.append({Scale(1.0)})
        with pytest.raises(TypeError, match="a Scale stands in a set"):
            layer.parameters()

    def test_other_things_may_be_kept_anywhere(self) -> None:
        things = {1: Tensor([1.0]), "Mr.": 2, ("a", 1): ["b"]}
        arrays = [np.array(["a", None]), np.array(len, dtype=object), np.ones(3), range(10**9)]
        layer = holder(words={"a", "b"}, things=things, arrays=arrays, old=deque([Tensor([1.0])]))
        assert names(layer) == []

    def test_a_subclass_of_sequential_may_add_parts(self) -> None:
        class Scaled(Sequential):
            def __init__(self) -> None:
                super().__init__(Linear(2, 2, bias=False))
                self.scale = Scale(1.0)

        assert names(Scaled()) == ["0.weight", "scale.factor"]
        assert Scaled().eval().scale.training is False


class TestCopying:
    def model(self) -> Sequential:
        shared = Linear(2, 2, rng=np.random.default_rng(0))
        return Sequential(
            shared, Dropout(0.5, rng=np.random.default_rng(1)), shared, Scale(1.0, 2.0)
        )

    @pytest.mark.parametrize(
        "way", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))]
    )
    def test_a_copy_has_the_same_names_ties_and_frozen_parts_and_nothing_in_common(
        self, way
    ) -> None:
        model = self.model()
        model[0].weight.requires_grad = False
        twin = way(model)
        assert twin[0] is twin[2] and twin[0] is not model[0]
        assert names(twin) == names(model) and sorted(twin.state_dict()) == sorted(
            model.state_dict()
        )
        assert not twin[0].weight.requires_grad
        x = Tensor(np.ones((5, 2)))
        assert (twin(x).numpy() == model(x).numpy()).all()
        twin[0].weight.data[:] = 9
        assert not (model[0].weight.data == 9).any()
        assert not {id(p) for p in model.parameters()} & {id(p) for p in twin.parameters()}


def test_a_layer_in_an_array_of_objects_is_refused() -> None:
    with pytest.raises(TypeError, match="a Scale stands in a ndarray"):
        holder(x=np.array([[Scale(1.0), None]]))
