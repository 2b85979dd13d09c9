"""Pretrained word vectors, read from text files for the tokens of a vocabulary; no TensorFlow."""
