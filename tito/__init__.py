"""The course's command line.

It never imports `tinytorch`: a learner's broken package must not break the tool that repairs it.
"""

__version__ = "0.1.0"
