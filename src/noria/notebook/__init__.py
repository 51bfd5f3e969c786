"""noria in Python and notebooks: the same things as on the command line, shown as tables."""
