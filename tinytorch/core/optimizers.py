# 06. Optimizers
# Made from modules/06_optimizers/optimizers_dev.py by `tito export`: edit that, not this.
# sha256 of the lines below: b87b51e82af79e3d96286696057d91e0325060645969baa2953ad206b4824c21


# cell: imports
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tinytorch.core.tensor import Array, Tensor, unwrap

State = dict[str, Array]  # what an optimizer keeps for one parameter, by name


# cell: require-range
def require_range(name: str, value: Any, low: float, high: float = math.inf) -> None:
    """Refuse what is no number, or not in low <= value < high.

    Raises:
        ValueError: `value` is out of range; the message names it.
    """
    number = isinstance(value, int | float | np.integer | np.floating)
    if not number or isinstance(value, bool) or not low <= value < high:
        limit = "finite" if high == math.inf else f"below {high}"
        raise ValueError(f"{name} must be a number, at least {low} and {limit}; got {value!r}")


# cell: 6.1-as-parameters
def as_parameters(parameters: Iterable[Tensor]) -> list[Tensor]:
    """List parameters, and check that each can be changed and stands there once.

    Args:
        parameters: tensors of any shapes, as from a layer's `parameters()`.

    Returns:
        The same tensors in a new list.

    Raises:
        TypeError: not tensors, or not float32 or float64; the message names the position.
        ValueError: none at all, one that was computed, or one that comes twice.
    """
    if isinstance(parameters, Tensor):
        raise TypeError("parameters must be a list of tensors; got one tensor: write [tensor]")
    found: list[Tensor] = []
    places: dict[int, int] = {}
    for position, parameter in enumerate(parameters):
        if not isinstance(parameter, Tensor):
            raise TypeError(f"parameter {position} must be a tensor; got {parameter!r}")
        if parameter.dtype not in (np.float32, np.float64):
            raise TypeError(
                f"parameter {position} must be float32 or float64; got {parameter.dtype}"
            )
        if parameter.node is not None:
            raise ValueError(
                f"parameter {position} was computed by {parameter.node.op.__name__}: "
                "pass the tensor it was made from"
            )
        if id(parameter) in places:
            raise ValueError(
                f"parameters {places[id(parameter)]} and {position} are the same tensor: "
                "it would be changed twice a step"
            )
        places[id(parameter)] = position
        found.append(parameter)
    if not found:
        raise ValueError("parameters is empty: there is nothing to change")
    return found


# cell: 6.2-optimizer
class Optimizer:
    """Changes parameters by their gradients; subclasses write `begin` and `update`.

    Args:
        parameters: tensors of any shapes, as from a layer's `parameters()`; some may be frozen.
        lr: the learning rate; a plain attribute, so that a schedule can set it before each step.

    Raises:
        TypeError: `parameters` holds something else than tensors of float32 or float64.
        ValueError: no parameters, a computed one, one twice; `lr` is negative or no number.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float) -> None:
        require_range("lr", lr, 0)
        self.parameters = as_parameters(parameters)
        self.lr = lr
        self.num_steps = 0
        self.states: list[State] = [{} for _ in self.parameters]  # {} until its first update

    def begin(self, parameter: Tensor) -> State:
        """Return what is kept for one parameter before its first update: here nothing."""
        return {}

    def update(self, parameter: Tensor, state: State) -> None:
        """Change one parameter by its gradient, in place; each subclass says how."""
        raise NotImplementedError(f"{type(self).__name__} has no update")

    def step(self) -> None:
        """Change each parameter that has a gradient and is not frozen, in its own array."""
        for position, parameter in enumerate(self.parameters):
            if parameter.requires_grad and parameter.grad is not None:
                if not self.states[position]:
                    self.states[position] = self.begin(parameter)
                self.update(parameter, self.states[position])
        self.num_steps += 1

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters:
            parameter.zero_grad()

    def state_dict(self) -> dict[str, Array]:
        """Return copies of everything kept: `step`, and by position `0.momentum`, `3.first`, ...

        A parameter that was never changed has no entries.
        """
        state = {"step": np.array(self.num_steps)}
        for position, kept in enumerate(self.states):
            state |= {f"{position}.{name}": np.array(values) for name, values in kept.items()}
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over copies of what `state_dict` of an optimizer of the same kind gave.

        Args:
            state: arrays, by name; a parameter without any entry begins anew.

        Raises:
            ValueError: names are missing or unexpected, or shapes differ; all of them are listed,
                and nothing was loaded.
        """
        state = {name: np.asarray(unwrap(values)) for name, values in state.items()}
        expected: dict[str, Array] = {"step": np.array(self.num_steps)}
        states: list[State] = []
        for position, parameter in enumerate(self.parameters):
            begun = self.begin(parameter)
            used = any(f"{position}.{name}" in state for name in begun)
            states.append(begun if used else {})
            expected |= {f"{position}.{name}": values for name, values in states[-1].items()}
        problems = []
        for name in sorted({*expected, *state}):
            if name not in state:
                problems.append(f"{name} is missing")
            elif name not in expected:
                problems.append(f"{name} is unexpected")
            elif state[name].shape != expected[name].shape:
                wanted = expected[name].shape
                problems.append(f"{name} has the shape {state[name].shape}, not {wanted}")
        if problems:
            raise ValueError("state does not fit: " + "; ".join(problems))
        for position, kept in enumerate(states):
            for name, values in kept.items():
                values[...] = state[f"{position}.{name}"]
        self.num_steps, self.states = int(state["step"]), states


# cell: 6.4-sgd
class SGD(Optimizer):
    """Gradient descent, with momentum if wanted.

    Args:
        parameters: tensors of any shapes.
        lr: the learning rate.
        momentum: how much of the last step goes on; at least 0, below 1.

    Raises:
        TypeError, ValueError: as for `Optimizer`; `momentum` is out of range.

    Source: Sutskever et al. 2013, "On the importance of initialization and momentum in deep
    learning", section 2; with the learning rate outside, as in torch.optim.SGD.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float, momentum: float = 0.0) -> None:
        super().__init__(parameters, lr)
        require_range("momentum", momentum, 0, 1)
        self.momentum = momentum

    def begin(self, parameter: Tensor) -> State:
        """Return zeros named `momentum`, of the parameter's shape and dtype; nothing without it."""
        if not self.momentum:
            return {}
        return {"momentum": np.zeros(parameter.shape, parameter.dtype)}

    def update(self, parameter: Tensor, state: State) -> None:
        """Go down along the gradient, or along the momentum. parameter: any shape."""
        direction: Any = parameter.grad
        if self.momentum:
            velocity = state["momentum"]
            velocity *= self.momentum
            velocity += direction
            direction = velocity
        parameter.data -= self.lr * direction


# cell: 6.5-adam
class Adam(Optimizer):
    """Steps whose length hardly depends on the size of the gradient.

    Args:
        parameters: tensors of any shapes.
        lr: the learning rate: about how far each number moves in a step.
        betas: how much of the two averages is kept at a step; each at least 0, below 1.
        eps: added to the root, so that nothing is divided by 0.

    Raises:
        TypeError, ValueError: as for `Optimizer`; `betas` or `eps` is out of range.

    Source: Kingma and Ba 2015, "Adam: a method for stochastic optimization", algorithm 1.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        super().__init__(parameters, lr)
        if not isinstance(betas, tuple | list) or len(betas) != 2:
            raise ValueError(f"betas must be two numbers, as (0.9, 0.999) is; got {betas!r}")
        require_range("betas[0]", betas[0], 0, 1)
        require_range("betas[1]", betas[1], 0, 1)
        require_range("eps", eps, 0)
        self.betas = betas
        self.eps = eps

    def begin(self, parameter: Tensor) -> State:
        """Return a `step` of 0, and zeros `first` and `second` of the parameter's shape, dtype."""
        first, second = (np.zeros(parameter.shape, parameter.dtype) for _ in range(2))
        return {"step": np.array(0), "first": first, "second": second}

    def update(self, parameter: Tensor, state: State) -> None:
        """Move by lr times the mean gradient over its root mean square. parameter: any shape."""
        grad: Any = parameter.grad
        first, second = state["first"], state["second"]
        beta1, beta2 = self.betas
        state["step"] += 1
        count = int(state["step"])
        work = np.empty(grad.shape, grad.dtype)  # the only new array
        np.multiply(grad, 1 - beta1, out=work)
        first *= beta1
        first += work
        np.multiply(grad, grad, out=work)
        work *= 1 - beta2
        second *= beta2
        second += work
        np.sqrt(second, out=work)
        work /= math.sqrt(1 - beta2**count)
        work += self.eps
        np.divide(first, work, out=work)
        work *= self.lr / (1 - beta1**count)
        parameter.data -= work


# cell: 6.6-adamw
class AdamW(Adam):
    """Adam, and beside it a pull of the weights towards zero.

    Args:
        parameters: tensors of any shapes.
        lr: the learning rate.
        betas, eps: as for `Adam`.
        weight_decay: how strong the pull is; at a step a number loses lr * weight_decay of itself.
        decays: whether a parameter is pulled, as `lambda p: p.ndim > 1`; None means every one.

    Raises:
        TypeError, ValueError: as for `Adam`; `weight_decay` is negative, `decays` not callable.

    Source: Loshchilov and Hutter 2019, "Decoupled weight decay regularization", algorithm 2; the
    learning rate multiplies the decay, too, as in torch.optim.AdamW.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        decays: Callable[[Tensor], bool] | None = None,
    ) -> None:
        super().__init__(parameters, lr, betas, eps)
        require_range("weight_decay", weight_decay, 0)
        if decays is not None and not callable(decays):
            raise TypeError(f"decays must be a function of a parameter, or None; got {decays!r}")
        self.weight_decay = weight_decay
        self.decays = decays

    def update(self, parameter: Tensor, state: State) -> None:
        """Pull the parameter towards zero, then update it as Adam does. parameter: any shape."""
        if self.decays is None or self.decays(parameter):
            parameter.data *= 1 - self.lr * self.weight_decay
        super().update(parameter, state)


# cell: 6.7-clip-grad-norm
def clip_grad_norm(parameters: Iterable[Tensor], max_norm: float) -> float:
    """Scale all gradients down together, in place, where their norm is above a limit.

    Args:
        parameters: tensors of any shapes; those without a gradient are passed over.
        max_norm: the largest norm that stays as it is; above 0.

    Returns:
        The norm of all gradients, taken as one vector, before the change; 0.0 if there are none.

    Raises:
        ValueError: the norm is infinite or not a number, or `max_norm` is not above 0.

    Source: Pascanu et al. 2013, "On the difficulty of training recurrent neural networks",
    section 3.2; the 1e-6 is `torch.nn.utils.clip_grad_norm_`'s.
    """
    if not max_norm > 0:
        raise ValueError(f"max_norm must be above 0; got {max_norm!r}")
    learned = [parameter for parameter in parameters if parameter.grad is not None]
    wide = [np.asarray(parameter.grad, np.float64) for parameter in learned]
    norm = math.sqrt(sum(float(np.vdot(grad, grad)) for grad in wide))
    if not math.isfinite(norm):
        raise ValueError(f"the norm of the gradients is {norm}: there is no scale that helps")
    scale = max_norm / (norm + 1e-6)
    if scale < 1:
        for parameter in learned:
            parameter.grad *= scale  # type: ignore[operator]  # it is not None
    return norm


# cell: 6.8-warmup-cosine
def warmup_cosine(
    step: int, *, warmup_steps: int, total_steps: int, max_lr: float, min_lr: float = 0.0
) -> float:
    """Return the learning rate of a step: a straight way up, then half a cosine down.

    Args:
        step: the number of the step, from 0.
        warmup_steps: how many steps the way up has; 0 means none.
        total_steps: the step from which on `min_lr` is used.
        max_lr, min_lr: the highest and the last learning rate.

    Returns:
        The learning rate.

    Raises:
        ValueError: not 0 <= warmup_steps <= total_steps, not 0 <= min_lr <= max_lr, or step < 0.

    Source: Loshchilov and Hutter 2017, "SGDR", equation 5, without restarts; warm-up as in nanoGPT.
    """
    require_range("step", step, 0)
    require_range("warmup_steps", warmup_steps, 0)
    require_range("total_steps", total_steps, warmup_steps)
    require_range("min_lr", min_lr, 0)
    require_range("max_lr", max_lr, min_lr)
    if step < warmup_steps:
        return max_lr * (step + 1) / (warmup_steps + 1)
    if step >= total_steps:
        return min_lr
    done = (step - warmup_steps) / (total_steps - warmup_steps)  # from 0 to 1
    return min_lr + (max_lr - min_lr) * (1 + math.cos(math.pi * done)) / 2


__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Optimizer",
    "as_parameters",
    "clip_grad_norm",
    "require_range",
    "warmup_cosine",
]
