"""Training that goes on with each span that is published, until it is stopped."""
