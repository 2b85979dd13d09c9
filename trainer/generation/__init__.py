"""Sequences continued: a model of the next step takes what it has said itself as the step that follows."""
