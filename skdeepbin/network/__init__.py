"""The mathematics of one block of rows; knows nothing of scikit-learn."""
