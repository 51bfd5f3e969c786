"""How good a model is, how sure we are, and whether it may pass."""
