"""Records that never end: windows of event time, and which positions of a source have been read."""
