"""Spans: data sets beside each other that share vocabularies, normalisation and buckets."""
