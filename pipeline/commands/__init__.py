"""The commands, a module each: `add` declares its options, `execute` does it and returns the exit code."""
