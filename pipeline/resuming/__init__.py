"""What an earlier run had done and the next one takes up."""
