"""What a model has answered is not asked again."""

from dataclasses import replace

from engine.composer import compose
from engine.composing.llm_memory import Memory
from engine.retrieving.embedder import MiniLM
from engine.retrieving.retrieval import Retrieval
from engine.settings import Settings
from tests.llm.asking import PROMPT, TITLES, composed, tasks
from tests.loopback_llm import LoopbackLlm


async def test_the_same_question_is_asked_once(
    found: Retrieval, embedder: MiniLM, loopback_llm: LoopbackLlm, llm_settings: Settings
) -> None:
    loopback_llm.answer([("red star", [1])])
    first = await composed(found, embedder, llm_settings)
    loopback_llm.send(500, "{}")
    assert await composed(found, embedder, llm_settings) == first
    assert len(loopback_llm.bodies) == 1
    fewer = replace(
        found,
        candidates=found.candidates[:3],
        headings=found.headings[:3],
        bodies=found.bodies[:3],
    )
    assert (await composed(fewer, embedder, llm_settings)).composer == "local"
    assert len(loopback_llm.bodies) == 2, "other cards are another question"


async def test_dropping_an_adapter_asks_no_model_that_has_answered(
    found: Retrieval, loopback_llm: LoopbackLlm, llm_settings: Settings
) -> None:
    loopback_llm.answer([("red star", [1]), ("neon glow", [2])])
    first = await compose(PROMPT, found, "llm", llm_settings, drop=("test:4",))
    assert tasks(first) == [("red star", [1]), ("neon glow", [2])]
    assert TITLES[3] not in loopback_llm.bodies[0]["messages"][1]["content"]
    await compose(PROMPT, found, "llm", llm_settings)
    made = await compose(PROMPT, found, "llm", llm_settings, drop=("test:1",))
    assert tasks(made) == [("red star", []), ("neon glow", [2])]
    assert made.composer == "llm"
    assert len(loopback_llm.bodies) == 2, "that prompt's answer was known"


def test_the_answer_that_was_used_last_is_kept_longest() -> None:
    memory = Memory(most=2)
    for name in ("a", "b"):
        memory.keep((name,), name)
    assert memory.recall(("a",)) == "a"
    memory.keep(("c",), "c")
    assert [memory.recall((name,)) for name in ("a", "b", "c")] == ["a", None, "c"]
