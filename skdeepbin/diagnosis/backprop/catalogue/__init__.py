"""The mistakes that people make in backpropagation, as formulas and as functions."""
