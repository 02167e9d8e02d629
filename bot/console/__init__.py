"""The console frontend: the one a newcomer meets first.

It has no delivery queue: it follows the request's rows and prints. Standard output is for the
answer, standard error for progress, so that answers can be piped.
"""
