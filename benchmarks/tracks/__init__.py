"""Tracks of the benchmark: one protocol and one file each. The protocols are written out in benchmarks/README.md."""
