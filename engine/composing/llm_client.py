"""The client of a language model's server, any that speaks OpenAI's protocol."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache

import openai

from engine.errors import ComposerUnavailable
from engine.settings import Llm


@asynccontextmanager
async def open_client(llm: Llm) -> AsyncIterator[openai.AsyncOpenAI]:
    """Yields a client whose errors are ours; they never hold the key or the server's words.

    Raises `ComposerUnavailable`.
    """
    client = _connect(llm)
    try:
        # The client's own limit holds for each read; a server that drips would never reach it.
        async with asyncio.timeout(llm.timeout), client:
            yield client
    except (openai.APITimeoutError, TimeoutError) as error:
        raise ComposerUnavailable(f"The LLM took longer than {llm.timeout:g} s.") from error
    except openai.APIStatusError as error:
        raise ComposerUnavailable(f"The LLM answered with status {error.status_code}.") from error
    except (openai.OpenAIError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ComposerUnavailable("The LLM did not answer.") from error


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    """The authorities that this machine trusts; reading them takes longer than a question."""
    return ssl.create_default_context()


def _connect(llm: Llm) -> openai.AsyncOpenAI:
    try:
        return openai.AsyncOpenAI(
            base_url=llm.base_url,
            api_key=llm.api_key.get_secret_value() or "none",
            timeout=llm.timeout,
            max_retries=0,
            http_client=openai.DefaultAsyncHttpxClient(verify=_trusted()),
        )
    except Exception as error:  # of its HTTP library, which is no business of ours
        raise ComposerUnavailable("The setting llm.base_url is no URL.") from error
