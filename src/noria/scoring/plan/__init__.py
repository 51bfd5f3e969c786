"""A model version as arithmetic on arrays: what answers in production. Needs NumPy and nothing else of the field."""
