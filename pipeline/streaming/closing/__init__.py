"""Windows that are over are closed, once each, and become spans."""
