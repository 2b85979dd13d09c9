"""A Keras model of a fixed number of steps becomes one that takes records of any length."""
