"""Records that were read become files, and how far event time has come."""
