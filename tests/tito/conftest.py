"""The toy course, for every test of the learner's side."""

from tests.toy import _own_memory, course, learner, make

__all__ = ["_own_memory", "course", "learner", "make"]
