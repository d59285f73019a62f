"""From the gradient of a block to a fitted network."""
