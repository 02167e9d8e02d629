"""The tests. What they share: `conftest` (database, desk), `cards` and `samples` (values)."""
