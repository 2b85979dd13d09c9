"""Proposes a spec from data."""
