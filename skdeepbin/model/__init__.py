"""The fitted model, and how it is saved."""
