"""Estimators by family, and the search that chooses among them within a budget."""
