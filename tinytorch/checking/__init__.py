"""What a test cell calls: given, on NumPy alone, for the checks file of every module."""

from tinytorch.checking.checker import Checker
from tinytorch.checking.values import shown, with_article

__all__ = ["Checker", "shown", "with_article"]
