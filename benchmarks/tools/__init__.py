"""Other programs, and what baselines are built from."""
