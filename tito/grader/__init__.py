"""The instructor's side: it imports the rest of `tito`, and nothing of the rest imports it."""
