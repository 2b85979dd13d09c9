"""What a model needs to stand by itself: raw records become its inputs within a TensorFlow graph."""
