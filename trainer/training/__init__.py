"""Training: the steps of an epoch, the epochs of a run, what is kept of them."""
