"""Shards become batches: how many examples, in which order, padded how."""
