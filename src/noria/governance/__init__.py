"""What a team must be able to prove: whose data were erased, and what came of it."""
