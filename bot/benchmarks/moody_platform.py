"""A platform of our own for trials: it refuses some posts, breaks off others after taking them, and
takes none while it is down.

As on the real ones, whoever posts can look for a message by its nonce, and must, where an earlier
attempt may have got through.
"""

import random
from collections import Counter

from engine.desk import NotPosted
from engine.errors import Unavailable
from engine.requests.delivery import Delivery
from engine.values import Answer

PLATFORM = "chaos"
#: Shares of the posts.
REFUSED, BROKEN_OFF = 0.03, 0.03


class MoodyPlatform:
    """What was posted, and how often the answer of each request was."""

    def __init__(self, chooser: random.Random) -> None:
        self._chooser = chooser
        self._messages: dict[str, str] = {}
        self.posts: Counter[str] = Counter()
        self.down = False
        self.refused = 0
        self.broken_off = 0

    async def post(self, answer: Answer, claimed: Delivery) -> str:
        """The desk's sender. Raises `NotPosted`, and `Unavailable` when the message is out."""
        if claimed.ambiguous and claimed.nonce in self._messages:
            return self._messages[claimed.nonce]
        mood = self._chooser.random()
        if self.down or mood < REFUSED:
            self.refused += 1
            raise NotPosted("The platform takes nothing just now.")
        self.posts[answer.request.id] += 1
        message = self._messages[claimed.nonce] = f"message {len(self._messages)}"
        if mood < REFUSED + BROKEN_OFF:
            self.broken_off += 1
            raise Unavailable("The platform did not answer in time.")
        return message
