"""One file for each command; tito/cli.py holds the table."""
