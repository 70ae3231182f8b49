"""Submissions found in a folder, and a learner's module read out of whatever was handed in."""
