"""For operators: what runs, whether it answers, what it measures and logs."""
