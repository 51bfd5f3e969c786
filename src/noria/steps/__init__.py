"""The standard pipeline: each step takes a room and the engine's context, and records what came of it."""
