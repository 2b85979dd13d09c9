"""Parts of a source are read for ever: what was read becomes files, and says how far event time has come."""
