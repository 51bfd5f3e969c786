"""Tables with versions: what their columns are, what they hold, how two differ, which rows are locked away."""
