"""What was answered, and what turned out true."""
