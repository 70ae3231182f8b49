# %% [markdown]
# # 06. Optimizers
#
# A gradient says which way is up. An optimizer decides how far to go down, with numbers that it remembers from earlier steps.
# Everything that training changes goes through its hands, so a mistake here shows nowhere but in a model that learns badly.
#
# **You will** write the base class `Optimizer`, then `SGD`, `Adam` and `AdamW`, and what stands beside them in every training:
# clipping of gradients, and a schedule for the learning rate.
#
# **Before you start:** modules 01, 02, 03 and 05. **Time:** 3 hours.

# %% export-target
#| default_exp core.optimizers

# %% setup
import sys
from pathlib import Path

here = Path(globals().get("__file__", "notebook")).resolve().parent
root = next(folder for folder in [here, *here.parents] if (folder / "tinytorch").is_dir())
sys.path[:0] = [str(root), str(here)]  # this folder's own tinytorch and checks

import optimizers_checks as checks

# %% imports
#| export
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from tinytorch.core.tensor import Array, Tensor, unwrap

State = dict[str, Array]  # what an optimizer keeps for one parameter, by name

# %% [markdown]
# ## One example for the whole module
#
# A long valley: it falls gently along its length and steeply across. In the steep direction the loss rises as if its
# coordinate counted 25 times:
#
# $$L(w) = \tfrac{1}{2}\left(w_0^2 + 25\, w_1^2\right) \qquad \nabla L = (w_0,\; 25\, w_1)$$
#
# The lowest point is (0, 0). The way begins at (10, 1). Losses of real models have such directions, too, only more of them.

# %% valley
steepness = np.array([1.0, 25.0])  # along, across
start = np.array([10.0, 1.0])

if __name__ == "__main__":
    print("loss at the start:", 0.5 * (steepness * start**2).sum())
    print("gradient at the start:", steepness * start)


# %% [markdown]
# ## What an optimizer holds
#
# It holds tensors, not copies: the model and the optimizer share them. For each it may keep arrays of its own, its **state**.
# Numbers such as a learning rate are checked by a given function.

# %% require-range
#| export
def require_range(name: str, value: Any, low: float, high: float = math.inf) -> None:
    """Refuse what is no number, or not in low <= value < high.

    Raises:
        ValueError: `value` is out of range; the message names it.
    """
    number = isinstance(value, int | float | np.integer | np.floating)
    if not number or isinstance(value, bool) or not low <= value < high:
        limit = "finite" if high == math.inf else f"below {high}"
        raise ValueError(f"{name} must be a number, at least {low} and {limit}; got {value!r}")


# %% [markdown]
# ### Exercise 6.1: as_parameters
#
# What a caller passes by mistake would do nothing, or do it twice, without an error. So it is refused:
#
# | what came | error |
# | --- | --- |
# | one tensor instead of a list, or an item that is no tensor | `TypeError` |
# | a tensor that is neither float32 nor float64 | `TypeError` |
# | a tensor that was computed: its `node` is not None | `ValueError` |
# | the same tensor twice, or nothing at all | `ValueError` |
#
# Every message holds the word `parameter`. One about an item names its position, counted from 0; one about a tensor that
# comes twice names both.
#
# <details><summary>Hint</summary>
#
# `parameters` may be a generator, which gives its items only once: make a list first. A tensor can be looped over, too, row
# by row.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# `==` between tensors compares numbers. `id(parameter)` tells whether two are the same object; a dict from ids to positions
# finds the first one.
#
# </details>

# %% 6.1-as-parameters
#| export
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
    ### BEGIN SOLUTION 6.1
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
    ### END SOLUTION


# %% test-6.1 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: as_parameters...")
    checks.as_parameters(as_parameters)
    print("✅ as_parameters: the tensors themselves, or an error that says which")


# %% [markdown]
# ## The class Optimizer
#
# What all optimizers share: whom to change, and what to keep. How one parameter changes is `update`, which each subclass
# writes; `begin` gives the state from which that starts. Both get one parameter at a time.
#
# ### Exercise 6.2: step, zero_grad
#
# `step` calls `update(parameter, state)` for each parameter that requires a gradient **and** has one. All others, and their
# states, are left alone. A state is `{}` until the first update: then it is what `begin(parameter)` gives. At the end
# `num_steps` goes up by one.
#
# `zero_grad` sets every gradient to None. Zeros would not do: a parameter with a gradient of zeros has one, and momentum
# moves it on.
#
# <details><summary>Hint</summary>
#
# State and parameter belong together by position: `self.states[position]`. Count with `enumerate(self.parameters)`.
#
# </details>

# %% [markdown]
# ### Exercise 6.3: state_dict, load_state_dict
#
# A training that is interrupted goes on as before only if the states are saved, too. The state of an optimizer is one flat
# dict of arrays: `"step"`, then position and name, as in `"0.momentum"`. All are **copies**.
#
# **Plan** for loading. 1. For each parameter that has an entry, `begin` says which names and shapes must come. 2. Collect all
# problems: missing, unexpected, another shape (both shapes, as in `(1,)` and `(2,)`). 3. If there are any, one `ValueError`
# lists them, and nothing changes. 4. Copy. A parameter without entries gets `{}`.
#
# <details><summary>Hint</summary>
#
# First write a dict of what is expected: `"step"`, and for each parameter with entries the names and arrays of `begin`. Then
# compare its keys with those of `state`.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# Copy into the arrays of `begin`: `values[...] = state[name]` keeps their dtype. Only at the very end set `self.states` and
# `self.num_steps`, an int.
#
# </details>

# %% 6.2-optimizer
#| export
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
        ### BEGIN SOLUTION 6.2
        for position, parameter in enumerate(self.parameters):
            if parameter.requires_grad and parameter.grad is not None:
                if not self.states[position]:
                    self.states[position] = self.begin(parameter)
                self.update(parameter, self.states[position])
        self.num_steps += 1
        ### END SOLUTION

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        ### BEGIN SOLUTION 6.2
        for parameter in self.parameters:
            parameter.zero_grad()
        ### END SOLUTION

    def state_dict(self) -> dict[str, Array]:
        """Return copies of everything kept: `step`, and by position `0.momentum`, `3.first`, ...

        A parameter that was never changed has no entries.
        """
        ### BEGIN SOLUTION 6.3
        state = {"step": np.array(self.num_steps)}
        for position, kept in enumerate(self.states):
            state |= {f"{position}.{name}": np.array(values) for name, values in kept.items()}
        return state
        ### END SOLUTION

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over copies of what `state_dict` of an optimizer of the same kind gave.

        Args:
            state: arrays, by name; a parameter without any entry begins anew.

        Raises:
            ValueError: names are missing or unexpected, or shapes differ; all of them are listed,
                and nothing was loaded.
        """
        state = {name: np.asarray(unwrap(values)) for name, values in state.items()}
        ### BEGIN SOLUTION 6.3
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
        ### END SOLUTION


# %% [markdown]
# The tests derive optimizers of their own that write down how they are called.

# %% test-6.2 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: step, zero_grad...")
    checks.step(Optimizer)
    print("✅ step, zero_grad: whom to change, with whose state")

# %% test-6.3 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: state_dict, load_state_dict...")
    checks.state(Optimizer)
    print("✅ state_dict, load_state_dict: copies, names, all problems at once")


# %% [markdown]
# ## Gradient descent
#
# ### Exercise 6.4: SGD
#
# Go against the gradient $g$, by the learning rate $\eta$. With momentum $\mu$, go along a sum $u$ of all gradients so far in
# which older ones fade:
#
# $$u \leftarrow \mu\, u + g \qquad w \leftarrow w - \eta\, u$$
#
# Without momentum $u = g$, and nothing needs to be kept: `begin` gives `{}`. With it, `begin` gives zeros named `"momentum"`.
#
# **In place.** The numbers change in the parameter's own array, `parameter.data -= ...`; a new array a step would cost time
# and memory. The gradient is not yours to change.
#
# <details><summary>Hint</summary>
#
# `state["momentum"] *= ...` and `+= ...` change the kept array itself. Read `self.lr` at each update: a schedule sets it.
#
# </details>

# %% 6.4-sgd
#| export
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
        ### BEGIN SOLUTION 6.4
        if not self.momentum:
            return {}
        return {"momentum": np.zeros(parameter.shape, parameter.dtype)}
        ### END SOLUTION

    def update(self, parameter: Tensor, state: State) -> None:
        """Go down along the gradient, or along the momentum. parameter: any shape."""
        ### BEGIN SOLUTION 6.4
        direction: Any = parameter.grad
        if self.momentum:
            velocity = state["momentum"]
            velocity *= self.momentum
            velocity += direction
            direction = velocity
        parameter.data -= self.lr * direction
        ### END SOLUTION


# %% test-6.4 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: SGD...")
    checks.sgd(SGD)
    print("✅ SGD: with and without momentum, in place")


# %% [markdown]
# ## How fast is too fast
#
# Across the valley a step multiplies the coordinate by $1 - 25\eta$, along it by $1 - \eta$. For the first to shrink, $\eta$
# must stay below 2 / 25; then the second shrinks slowly. One learning rate has to serve both. Momentum helps: along the
# valley the gradients add up, across it they change their sign and cancel. So even a higher rate works.

# %% too-fast
def valley(w: Tensor) -> Tensor:
    return (w * w * steepness).sum() * 0.5


def descend(make, num_steps=40, scale=1.0):
    """Go down the valley with the optimizer that `make` gives; return where it ends."""
    w = Tensor(start, requires_grad=True)
    optimizer = make([w])
    for _ in range(num_steps):
        optimizer.zero_grad()
        (valley(w) * scale).backward()
        optimizer.step()
    return w


if __name__ == "__main__":
    print("limit of the learning rate:", 2 / 25)
    for lr, momentum in ((0.01, 0.0), (0.07, 0.0), (0.09, 0.0), (0.09, 0.5)):
        end = descend(lambda parameters: SGD(parameters, lr, momentum))  # noqa: B023
        told = f"ends at {end.data.round(4)}, loss {valley(end).item():.3g}"
        print(f"lr {lr}, momentum {momentum}: {told}")


# %% [markdown]
# ## Adam
#
# Can each number have a step size of its own? Adam divides the gradient by its usual size.
#
# ### Exercise 6.5: Adam
#
# Two running averages are kept for each number, of the gradient and of its square. They start at zero, so at first they are
# too small by a known factor, and that is divided out. $t$ counts the updates of **this** parameter, from 1:
#
# $$m \leftarrow \beta_1 m + (1 - \beta_1)\, g \qquad v \leftarrow \beta_2 v + (1 - \beta_2)\, g^2$$
#
# $$w \leftarrow w - \eta\, \frac{m / (1 - \beta_1^t)}{\sqrt{v / (1 - \beta_2^t)} + \varepsilon}$$
#
# **Plan.** `begin`: an array `"step"` of the number 0, zeros `"first"` for $m$ and `"second"` for $v$, in the parameter's
# dtype. `update`: count, average, change, in place.
#
# <details><summary>Hint</summary>
#
# `np.array(0)` is an array of one number; `state["step"] += 1` counts. Use it, not `self.num_steps`: a parameter may get its
# first gradient late.
#
# </details>
# <details><summary>Stronger hint</summary>
#
# $m$ itself stays uncorrected: divide a new value, `first / (1 - beta1**count)`, and leave `state["first"]` alone.
# $\varepsilon$ is added after the root.
#
# </details>

# %% 6.5-adam
#| export
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
        ### BEGIN SOLUTION 6.5
        first, second = (np.zeros(parameter.shape, parameter.dtype) for _ in range(2))
        return {"step": np.array(0), "first": first, "second": second}
        ### END SOLUTION

    def update(self, parameter: Tensor, state: State) -> None:
        """Move by lr times the mean gradient over its root mean square. parameter: any shape."""
        ### BEGIN SOLUTION 6.5
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
        ### END SOLUTION


# %% test-6.5 points=3
if __name__ == "__main__":
    print("🔬 Unit Test: Adam...")
    checks.adam(Adam)
    print("✅ Adam: averages, correction, its own count, in place")

# %% [markdown]
# ## The scale cancels out
#
# Multiply the loss by 1000, and every gradient is 1000 times as large. SGD with the same learning rate flies off; Adam goes
# the same way as before, since numerator and denominator both grow. In its first step each number moves by almost exactly
# `lr`, whatever the slope.

# %% scale
if __name__ == "__main__":
    makes = {"SGD": lambda p: SGD(p, 0.01), "Adam": lambda p: Adam(p, 0.5)}
    for name, make in makes.items():
        for scale in (1, 1000):
            with np.errstate(over="ignore", invalid="ignore"):
                ends = [descend(make, count, scale).data.round(4) for count in (1, 10)]
            print(f"{name:>4}, loss times {scale:4}: after 1 step {ends[0]}, after 10 {ends[1]}")


# %% [markdown]
# ## Weight decay
#
# ### Exercise 6.6: AdamW
#
# Small weights often generalise better. So at each step, each weight loses a small part of itself, and then Adam goes on as
# usual:
#
# $$w \leftarrow w - \eta\, \lambda\, w \qquad \text{then Adam's update}$$
#
# Not every parameter should shrink: a bias, or a scale near 1, has no reason to. `decays(parameter)` says which do; None means
# every one.
#
# **Plan.** 1. Where it decays, multiply the numbers in place. 2. Leave the rest to the class above.
#
# <details><summary>Hint</summary>
#
# `super().update(parameter, state)` is Adam's. The decay stays out of the gradient, and so out of both averages.
#
# </details>

# %% 6.6-adamw
#| export
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
        ### BEGIN SOLUTION 6.6
        if self.decays is None or self.decays(parameter):
            parameter.data *= 1 - self.lr * self.weight_decay
        super().update(parameter, state)
        ### END SOLUTION


# %% test-6.6 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: AdamW...")
    checks.adamw(AdamW)
    print("✅ AdamW: decay beside the update, only where wanted")

# %% [markdown]
# ## Why beside, and not inside
#
# One could add $\lambda w$ to the gradient instead, as one does for SGD. Adam would then divide it by the gradient's usual size:
# the pull is weak exactly where gradients are large. Two weights with gradients that only shake, one strongly, one weakly:

# %% beside
if __name__ == "__main__":
    for name in ("inside the gradient", "beside it, AdamW"):
        w = Tensor([1.0, 1.0], requires_grad=True)
        inside = name.startswith("inside")
        optimizer = AdamW([w], lr=0.01, weight_decay=0.0 if inside else 0.1)
        for step in range(500):
            w.grad = np.array([10.0, 0.1]) * (-1) ** step
            if inside:
                w.grad += 0.1 * w.data
            optimizer.step()
        print(f"{name:>20}: {w.data.round(3)}")
    print("the decay alone:", round((1 - 0.01 * 0.1) ** 500, 3))

# %% [markdown]
# ## What it costs
#
# What each optimizer keeps, counted from its `state_dict` for one layer of float32 numbers. A parameter has 4 bytes, its gradient
# 4 more. With Adam's 8 that makes 16 bytes a number for training, where using the model needs 4.

# %% cost
from tinytorch.core.layers import Linear

if __name__ == "__main__":
    parameters = Linear(307, 199).parameters()
    count = sum(parameter.data.size for parameter in parameters)
    table = {
        "SGD": SGD(parameters, 0.01),
        "SGD, momentum": SGD(parameters, 0.01, 0.9),
        "Adam": Adam(parameters),
        "AdamW": AdamW(parameters),
    }
    for name, optimizer in table.items():
        for parameter in parameters:
            parameter.grad = np.ones(parameter.shape)
        optimizer.step()
        kept = {key: array.nbytes for key, array in optimizer.state_dict().items()}
        size = sum(kept.values())
        print(f"{name:>13}: {size:7} bytes, {size / count:.2f} a number: {', '.join(kept)}")


# %% [markdown]
# ## Clipping
#
# ### Exercise 6.7: clip_grad_norm
#
# One bad batch can give a gradient that throws away an hour of training. So the length of the whole gradient, all parameters
# taken as one vector, is limited. The direction stays:
#
# $$n = \sqrt{\sum_p \sum_i g_{p,i}^2} \qquad g \leftarrow g \cdot \min\left(1,\; \frac{max}{n + 10^{-6}}\right)$$
#
# **Plan.** 1. Parameters with a gradient. 2. The norm, in float64: in float32 the square of 1e20 is infinite. 3. A `ValueError`
# that shows it where it is not finite; nothing changes then. 4. Scale in place. 5. Return the norm before, a float.
#
# <details><summary>Hint</summary>
#
# `parameters` may be a generator, and you need them twice. `math.isfinite` is false for both infinity and NaN.
#
# </details>

# %% 6.7-clip-grad-norm
#| export
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
    ### BEGIN SOLUTION 6.7
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
    ### END SOLUTION


# %% test-6.7 points=2
if __name__ == "__main__":
    print("🔬 Unit Test: clip_grad_norm...")
    checks.clip_grad_norm(clip_grad_norm)
    print("✅ clip_grad_norm: one norm, one scale, in place")

# %% cliff
if __name__ == "__main__":
    a, b = Tensor(np.zeros(2), requires_grad=True), Tensor(np.zeros(1), requires_grad=True)
    for size in (0.1, 100.0):
        a.grad, b.grad = size * np.array([2.0, 3.0]), size * np.array([6.0])
        norm = clip_grad_norm([a, b], 1.0)
        print(f"norm before {norm:.4g}, gradients after: {a.grad.round(4)} {b.grad.round(4)}")


# %% [markdown]
# ## A schedule
#
# Early on, Adam's averages rest on few gradients, so it starts with small steps: the **warm-up**. Towards the end, small steps
# again settle what large ones only circle around.
#
# ### Exercise 6.8: warmup_cosine
#
# With $W$ warm-up steps of $T$ in all, at step $s = 0, 1, 2, \dots$:
#
# $$\eta_s = \begin{cases} \eta_{max}\, \frac{s + 1}{W + 1} & s < W \\ \eta_{min} + (\eta_{max} - \eta_{min})\, \frac{1 + \cos(\pi\, r)}{2},\; r = \frac{s - W}{T - W} & W \le s < T \\ \eta_{min} & s \ge T \end{cases}$$
#
# The first step is not lost at a rate of 0, and the highest rate is reached at $s = W$.
#
# <details><summary>Hint</summary>
#
# Three cases, three returns. Where $W = T$ the middle one is empty, and dividing by $T - W$ must not happen.
#
# </details>

# %% 6.8-warmup-cosine
#| export
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
    ### BEGIN SOLUTION 6.8
    if step < warmup_steps:
        return max_lr * (step + 1) / (warmup_steps + 1)
    if step >= total_steps:
        return min_lr
    done = (step - warmup_steps) / (total_steps - warmup_steps)  # from 0 to 1
    return min_lr + (max_lr - min_lr) * (1 + math.cos(math.pi * done)) / 2
    ### END SOLUTION


# %% test-6.8 points=1
if __name__ == "__main__":
    print("🔬 Unit Test: warmup_cosine...")
    checks.warmup_cosine(warmup_cosine)
    print("✅ warmup_cosine: up, down, and where they meet")

# %% schedule
if __name__ == "__main__":
    for step in range(0, 27, 2):
        lr = warmup_cosine(step, warmup_steps=4, total_steps=24, max_lr=0.1, min_lr=0.01)
        print(f"step {step:2}  {lr:.4f}  {'#' * round(400 * lr)}")

# %% [markdown]
# ## All together
#
# A whole training. In module 03 the lamp on the stairs was set by hand; now its rule is learned. In the middle the state is
# saved, and a new optimizer goes on from there.

# %% together
from tinytorch.core.activations import Tanh
from tinytorch.core.layers import Sequential

if __name__ == "__main__":
    switches, lamp = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0.0], [1], [1], [0]])
    rng = np.random.default_rng(6)
    model = Sequential(Linear(2, 4, rng=rng), Tanh(), Linear(4, 1, rng=rng))

    def make_optimizer():
        return AdamW(model.parameters(), weight_decay=0.01, decays=lambda p: p.ndim > 1)

    optimizer = make_optimizer()
    for step in range(200):
        error = model(Tensor(switches)) - lamp
        loss = (error * error).mean()
        optimizer.zero_grad()
        loss.backward()
        norm = clip_grad_norm(model.parameters(), 1.0)
        optimizer.lr = warmup_cosine(step, warmup_steps=10, total_steps=200, max_lr=0.05)
        optimizer.step()
        if step in (0, 99, 199):
            print(f"step {step:3}  lr {optimizer.lr:.4f}  norm {norm:.4f}  loss {loss.item():.5f}")
        if step == 99:
            saved, optimizer = optimizer.state_dict(), make_optimizer()
            optimizer.load_state_dict(saved)
    print("lamp:", lamp.ravel(), " model:", model(Tensor(switches)).data.ravel().round(2))

# %% [markdown]
# ## What is left out, and why
#
# - **Groups of parameters.** PyTorch gives each group options of its own. Here `decays` does what is mostly wanted; for more,
#   make two optimizers.
# - **Options in the state.** `lr`, `betas` and the others are in the program, so `state_dict` holds arrays only.
# - **Nesterov, AMSGrad, Adafactor, Muon.** Each is another `update`.
# - **float16.** It needs a copy of the weights in float32, or small steps are rounded away. It is refused by name.
# - **Frozen parameters.** PyTorch changes one that still has a gradient; here `requires_grad = False` is enough.
#
# ## Report

# %% report
if __name__ == "__main__":
    made = [each.__name__ for each in (Optimizer, SGD, Adam, AdamW)]
    print(f"📈 Progress: Optimizers ✓  ({', '.join(made)}, clip_grad_norm, warmup_cosine)")
    print("💡 Next: tito module complete 06, then module 07")
