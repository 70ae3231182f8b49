"""The page on which an instructor leafs through a graded batch, served to this machine alone."""
