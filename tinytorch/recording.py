"""What tensors remember besides their ops: given, on NumPy alone.

Whether this thread records; which arrays an op saw, and whether they were changed since; and how a
history is pickled, however long it is.
"""

import threading
import weakref
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

CHANGES: dict[int, int] = {}  # how often memory was changed in place, by the id of its owner


class Recorder(type):
    """The type of `Op`: makes `Op.recording` a switch of each thread's own, at first on."""

    threads = threading.local()

    @staticmethod
    def on() -> bool:
        """Does this thread record?"""
        return getattr(Recorder.threads, "on", True)

    @property
    def recording(cls) -> bool:
        """Whether ops of this thread remember their inputs; module 05 switches it."""
        return Recorder.on()

    @recording.setter
    def recording(cls, on: bool) -> None:
        Recorder.threads.on = on


def owner(array: Array) -> Array:
    """Return the array whose memory this one looks at; mostly itself."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def changes(array: Any) -> int:
    """How often the memory of an array was changed in place, through whichever tensor."""
    if not CHANGES or not isinstance(array, np.ndarray):
        return 0
    return CHANGES.get(id(owner(array)), 0)


def note_change(array: Array) -> None:
    """Count a change of an array's memory; the count goes when the memory does."""
    whole = owner(array)
    if id(whole) not in CHANGES:
        weakref.finalize(whole, CHANGES.pop, id(whole)).atexit = False
    CHANGES[id(whole)] = changes(whole) + 1


class Seen:
    """The output and inputs of an op as arrays, for its rule, as long as nobody changes them."""

    __slots__ = ("arrays", "changes")

    def __init__(self, arrays: tuple[Any, ...]) -> None:
        self.arrays = arrays
        self.changes = sum(map(changes, arrays))

    def read(self, name: str) -> tuple[Any, ...]:
        """Return the arrays.

        Raises:
            RuntimeError: their numbers are others now; the message says which op needs them.
        """
        if sum(map(changes, self.arrays)) != self.changes:
            raise RuntimeError(
                f"the gradient of {name} needs numbers that were changed in place since: "
                "call backward() before changing them, or change a copy"
            )
        return self.arrays

    def __reduce__(self) -> Any:
        return Seen, (self.read("a result that is copied"),)


def unroll(result: Any) -> list[tuple[Any, ...]]:
    """List how a tensor was made, inputs first, without recursion: a history may be very long."""
    places: dict[int, int] = {}
    steps: list[tuple[Any, ...]] = []
    waiting = [result]
    while waiting:
        tensor = waiting[-1]
        made = [x for x in tensor.node.inputs if getattr(x, "node", None) is not None]
        missing = [x for x in made if id(x) not in places]
        waiting.extend(missing)
        if missing:
            continue
        waiting.pop()
        if id(tensor) not in places:
            places[id(tensor)] = len(steps)
            node = tensor.node
            inputs = [(places.get(id(x)), x if id(x) not in places else None) for x in node.inputs]
            state = {name: value for name, value in vars(tensor).items() if name != "node"}
            made_by = (type(node), node.op, inputs, node.options, node.seen)
            steps.append((type(tensor), state, *made_by))
    return steps


def restore(steps: list[tuple[Any, ...]]) -> Any:
    """Make the tensor again that `unroll` took apart, with all it was made from."""
    tensors: list[Any] = []
    for kind, state, node, op, inputs, options, seen in steps:
        tensor = kind.__new__(kind)
        operands = tuple(x if place is None else tensors[place] for place, x in inputs)
        vars(tensor).update(state, node=node(op, operands, options, seen))
        tensors.append(tensor)
    return tensors[-1]
