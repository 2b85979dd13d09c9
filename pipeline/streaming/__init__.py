"""Records that keep coming: sources that are read for ever, and spans that are made of them window by window."""
