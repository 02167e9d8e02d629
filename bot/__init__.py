"""The frontends: people's words become requests, answers become replies.

Each platform has a package of its own; what they share is written once, here: `reply` says what
people get to see, without a word about any platform. From `engine` come only values, errors,
settings, the request desk and what a picture file holds.
"""

import os

# Texts are short: numpy's threads gain little, and beside other processes they wait for each
# other many times longer than they work (0.4 s became 2.9 s). Read when numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
