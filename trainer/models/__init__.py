"""The model: a branch for each sequence, what joins them, and how it follows from a data set."""
