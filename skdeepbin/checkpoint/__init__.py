"""Checkpoints: the state of a running fit in a file, to resume from."""
