"""The command line: one file a noun, imported only when it is called."""
