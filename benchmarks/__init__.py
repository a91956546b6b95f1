"""The product's own measurements: `python -m benchmarks` runs all, `python -m benchmarks hub` one of them."""
