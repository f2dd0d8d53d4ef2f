"""Benchmarks: what the numbers in model cards and documents are made with. Runnable by anyone, one command each."""
