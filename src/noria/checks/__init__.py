"""What must hold in a dataset, asked in one scan, and what looks wrong without being asked."""
