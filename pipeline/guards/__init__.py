"""What keeps the folder of a run safe from others, from power failures, and from links that lead out of it."""
