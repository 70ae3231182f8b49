"""What the test cells of module 04 call: cases, and oracles."""
