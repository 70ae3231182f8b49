"""Imported by each example before `tinytorch`: what counts is the package beside `examples/`.

A script has its own folder on the path, and not the one above; an installed `tinytorch` would do
the work, with the course's answers instead of a learner's.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
