"""A learner's code in a child process, and what became of it."""
