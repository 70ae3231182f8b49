"""Grading: the judge, the worker in its sandbox, what goes in and what comes out."""
