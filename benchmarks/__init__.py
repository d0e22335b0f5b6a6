"""Measured comparisons. `python -m benchmarks --help` says what there is; docs/explanation/speed.md what was found."""
