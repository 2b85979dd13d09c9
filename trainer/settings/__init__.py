"""The settings of a training run, by group, and how each is read."""
