"""The tables of the settings that say how adapters are searched."""

from typing import Literal

from pydantic import Field, SecretStr

from engine.settings_rendering import Section


class Retriever(Section):
    """How many candidates the composer sees."""

    candidates: int = Field(150, ge=1, le=1000)


class Reranker(Section):
    """Who reads each candidate's card beside the prompt before the composer does."""

    #: "cross-encoder": a model of sentence-transformers, in the engine's process; "api": a server
    #: that is asked as Cohere's and Jina's are.
    kind: Literal["none", "cross-encoder", "api"] = "none"
    #: Folder or hub id of the cross encoder, or the model's name as the server has it.
    model: str = ""
    base_url: str = ""
    api_key: SecretStr = SecretStr("")
    #: Best candidates that go on to the composer.
    keep: int = Field(50, ge=1, le=1000)
    #: Seconds after which it goes on without.
    timeout: float = Field(5.0, gt=0, le=60)
