"""Layers for padded sequences with explicit lengths: what stands at padded steps never matters.

Each takes `lengths`, int32 (batch,), the real steps of each row, which are its first ones, and sets the
padded steps of what it gives to exactly 0. None makes, reads or passes on Keras' implicit masks.
"""
