"""A Slack on loopback for the real app and the real client: tests and benchmarks drive it."""
