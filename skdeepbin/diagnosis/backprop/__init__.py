"""Mistakes in a backpropagation that a user wrote, found by their numbers."""
