"""Transactions and bytes: the database, the blobs and the one place that writes files. Knows no ML noun."""
