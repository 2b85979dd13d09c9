"""Files that come into a folder become spans: which of them, when, and each at most once."""
