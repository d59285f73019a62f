"""The training loop, its solvers, and the ensemble that they train."""
