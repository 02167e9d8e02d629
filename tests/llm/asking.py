"""What is asked of a loopback model, and what becomes of its answer."""

from dataclasses import replace

from pydantic import SecretStr

from engine.composer import compose
from engine.retrieving.embedder import MiniLM
from engine.retrieving.retrieval import Retrieval
from engine.settings import Composer, Llm, Settings
from engine.values import Composition
from tests.loopback_llm import LoopbackLlm, Task

KEY = "canary-5ecret"
PROMPT = "a red star, neon glow and a heart"
TITLES = ["Big star", "Neon glow", "Heart shape", "Useful helper"]
STATUS = "The LLM answered with status {}. The local composer took over."
UNREADABLE = "The LLM's answer could not be read. The local composer took over."
FOREIGN = "The LLM's keywords are not in the prompt. The local composer took over."
SILENT = "The LLM did not answer. The local composer took over."


def settings_for(server: LoopbackLlm, timeout: float = 20, **limits: int) -> Settings:
    llm = Llm(base_url=server.url, api_key=SecretStr(KEY), model="stub", timeout=timeout)
    return Settings(llm=llm, composer=Composer(**limits))


def at(url: str, settings: Settings) -> Settings:
    """Returns the settings with another address of the server."""
    return settings.model_copy(update={"llm": settings.llm.model_copy(update={"base_url": url})})


async def composed(found: Retrieval, embedder: MiniLM, settings: Settings) -> Composition:
    return await compose(PROMPT, found, "llm", settings)


def tasks(composition: Composition) -> list[Task]:
    """Returns the keywords with their adapters' numbers."""
    return [
        (task.keyword, [int(pick.adapter_id.removeprefix("test:")) for pick in task.picks])
        for task in composition.tasks
    ]


async def falls_back(found: Retrieval, embedder: MiniLM, settings: Settings, sentence: str) -> None:
    """The local composer takes over, says so, and shows neither the key nor the server's words."""
    made = await composed(found, embedder, settings)
    local = await compose(PROMPT, found, "local", settings)
    assert made == replace(local, degraded=(sentence,))
    assert local.picks
    assert KEY not in repr(made)
