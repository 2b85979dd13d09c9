"""Files that lie on no local disk: which of Beam's filesystems has them, and object stores used with few requests."""
