"""Runs of your own code: buffered, kept in a journal, shipped beside the training."""
