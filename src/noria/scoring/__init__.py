"""One model version turned into answers: what it accepts, and what it says."""
