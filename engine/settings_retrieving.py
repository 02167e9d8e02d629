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


class Embeddings(Section):
    """Whose vectors cards are searched by; the composer always uses the local embedder's."""

    #: "api": any server with OpenAI's /embeddings; "sentence-transformers": a model in the
    #: engine's process.
    kind: Literal["local", "api", "sentence-transformers"] = "local"
    #: The model's name as the server has it, or its folder or hub id.
    model: str = ""
    base_url: str = ""
    api_key: SecretStr = SecretStr("")
    #: Numbers of a vector; 0: as many as the model gives.
    dimensions: int = Field(0, ge=0, le=16_000)
    #: Texts in one question to a server.
    batch: int = Field(128, ge=1, le=2048)
    #: Seconds for one answer; a prompt goes on by the local embedder then.
    timeout: float = Field(10.0, gt=0, le=300)
    #: How often a server is asked for the vectors of cards before it is left in peace for a minute.
    tries: int = Field(4, ge=1, le=10)
