"""Whether a compiled plan gives the answers of the model it was made of."""
