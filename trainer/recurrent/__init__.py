"""Recurrent layers over padded sequences that know the length of each: one interface, more than one kernel."""

from trainer.recurrent.layer import Recurrent

__all__ = ["Recurrent"]
