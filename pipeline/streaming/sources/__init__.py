"""Sources of a stream: what is read for ever, in parts that are read apart from one another."""
