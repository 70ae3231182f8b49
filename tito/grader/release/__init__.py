"""What learners get, and the proof that nothing leaks."""
