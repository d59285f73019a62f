"""The report on a fitted classifier and its view in a notebook."""
