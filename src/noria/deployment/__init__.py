"""A model version taken to where it answers: one target a platform, each writes files and says what to type next."""
