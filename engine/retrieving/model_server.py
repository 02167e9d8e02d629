"""One question to a model's server, in JSON: how rerankers and embedders are asked."""

import json
from collections.abc import Mapping
from typing import Any

import aiohttp
from pydantic import SecretStr


class NoAnswer(Exception):
    """The server did not answer; `status` is what it said instead, where it said anything."""

    def __init__(self, status: int | None = None) -> None:
        super().__init__()
        self.status = status

    @property
    def passing(self) -> bool:
        """Whether asking again later may help."""
        return self.status is None or self.status == 429 or self.status >= 500


async def ask(url: str, key: SecretStr, question: Mapping[str, Any], most: int) -> Any:
    """Returns the JSON of the answer, which may have `most` bytes; None where it is no JSON.

    Raises `NoAnswer`, which holds neither the key nor the server's words. The time limit is the
    caller's.
    """
    secret = key.get_secret_value()
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    try:
        async with (
            aiohttp.ClientSession(headers=headers, cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.post(url, json=question, allow_redirects=False) as response,
        ):
            if response.status != 200:
                raise NoAnswer(response.status)
            said = bytearray()
            async for chunk in response.content.iter_any():
                said += chunk
                if len(said) > most:
                    return None
    except (aiohttp.ClientError, ValueError) as error:
        raise NoAnswer from error
    try:
        return json.loads(said)
    except (ValueError, RecursionError):
        return None
