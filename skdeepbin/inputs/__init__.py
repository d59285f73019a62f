"""What the user gives, checked: parameters, labels, weights, the data of a fit."""
