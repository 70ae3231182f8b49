"""A learner's commands, one file for each; tito/cli.py holds the table."""
