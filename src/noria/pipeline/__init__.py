"""The engine: steps, their graph, cache keys and local worker processes. Knows functions and hashes, not ML."""
