"""Data sets: what there is, how each is fetched, and how files come in place whole."""
