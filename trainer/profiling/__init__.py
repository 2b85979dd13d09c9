"""What a training step costs on this machine, and how large a batch may be: measured, not guessed."""
