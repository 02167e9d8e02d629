"""The worker processes: their queues, jobs, signs of life and rescue."""
