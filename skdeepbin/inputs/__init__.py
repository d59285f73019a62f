"""Inputs of a fit, checked: parameters, labels, weights and the training data."""
