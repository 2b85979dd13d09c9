"""What the records are like, for people and for other tools."""
