"""Benchmarks of the whole path, from the desk's side. `stylus bench NAME` runs them."""
