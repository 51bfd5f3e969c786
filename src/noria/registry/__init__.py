"""Model versions, what was judged of them, and the aliases that say which one counts."""
