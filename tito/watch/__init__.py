"""What is drawn on a terminal: `tito watch` and `tito show`."""
