"""How far a span is from its base."""
