"""What `tito watch` draws on a terminal."""
