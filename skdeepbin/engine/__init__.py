"""Sums over rows: blocks, threads, the summation tree, feature scaling and splits."""
