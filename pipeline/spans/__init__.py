"""Runs that publish one span of a data set beside the others."""
