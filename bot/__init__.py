"""The frontends: people's words become requests, answers become replies.

Each platform has a package of its own; what they share is written once, here: `reply` says what
people get to see, without a word about any platform. From `engine` come only values, errors,
settings, the request desk and what a picture file holds.
"""
