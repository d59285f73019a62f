"""The causes of bad learning, a file for each group of them."""
