"""Which mistake is in a backpropagation that someone wrote."""
