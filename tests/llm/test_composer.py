"""The LLM composer: whatever a server answers, the composition keeps the rules or is ours."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from engine.composer import choose_composer, compose
from engine.composing import llm_composer
from engine.composing.llm_composer import INSTRUCTIONS
from engine.errors import BadOption, ComposerUnavailable
from engine.retrieving.embedder import MiniLM
from engine.retrieving.retrieval import Retrieval
from engine.settings import Settings
from engine.values import Adapter
from tests.llm.asking import (
    FOREIGN,
    KEY,
    PROMPT,
    UNREADABLE,
    at,
    composed,
    falls_back,
    settings_for,
    tasks,
)
from tests.loopback_llm import LoopbackLlm, Task


async def test_a_good_answer_becomes_the_composition(
    found: Retrieval, embedder: MiniLM, loopback_llm: LoopbackLlm, llm_settings: Settings
) -> None:
    answer: list[Task] = [("red star", [1]), ("neon glow", [2, 4]), ("heart", [])]
    loopback_llm.answer(answer)
    made = await composed(found, embedder, llm_settings)
    assert tasks(made) == answer
    assert (made.composer, made.degraded) == ("llm", ())
    assert made.picks[0].reason == "chosen for “red star”"
    assert loopback_llm.keys == [f"Bearer {KEY}"]


async def test_static_instructions_come_first_and_ids_stay_here(
    found: Retrieval, embedder: MiniLM, loopback_llm: LoopbackLlm, llm_settings: Settings
) -> None:
    await composed(found, embedder, llm_settings)
    await compose("another", found, "llm", llm_settings)
    for body in loopback_llm.bodies:
        assert body["messages"][0] == {"role": "system", "content": INSTRUCTIONS}
        assert body["response_format"]["json_schema"]["strict"] is True
        assert "test:" not in json.dumps(body)
        assert body["messages"][1]["content"].startswith("Adapters:\n1. Big star")
    assert len(loopback_llm.bodies) == 2
    assert loopback_llm.bodies[0]["messages"][1]["content"].endswith(f"\n\nPrompt: {PROMPT}")


BROKEN: list[tuple[list[Task], list[Task]]] = [
    ([("a blue moon", [1]), ("red star", [2])], [("red star", [2])]),
    ([("hear", [1]), ("red star", [2])], [("red star", [2])]),
    ([("", [1]), ("red star", [2])], [("red star", [2])]),
    ([("red star", [0, 5, -1, 99999, 2])], [("red star", [2])]),
    ([("red star", [1, 1, 1]), ("heart", [1, 3])], [("red star", [1]), ("heart", [3])]),
    ([("red star", [1]), ("RED STAR", [2])], [("red star", [1])]),
    ([("red star", [1, 2, 3, 4])], [("red star", [1, 2, 3])]),
    ([("RED, star", [1]), ("Neon-Glow", [2])], [("red star", [1]), ("neon glow", [2])]),
    ([("red star", [1]), ("star", [2]), ("star, neon", [3])], [("red star", [1])]),
    ([("heart", [3]), ("a heart", [4]), ("red", [1])], [("heart", [3]), ("red", [1])]),
]


@pytest.mark.parametrize(("answer", "repaired"), BROKEN)
async def test_what_breaks_a_rule_is_dropped(
    found: Retrieval,
    embedder: MiniLM,
    loopback_llm: LoopbackLlm,
    llm_settings: Settings,
    answer: list[Task],
    repaired: list[Task],
) -> None:
    loopback_llm.answer(answer)
    made = await composed(found, embedder, llm_settings)
    assert tasks(made) == repaired
    assert (made.composer, made.degraded) == ("llm", ())


async def test_limits_hold_for_the_model_too(
    found: Retrieval, embedder: MiniLM, loopback_llm: LoopbackLlm
) -> None:
    loopback_llm.answer([("red star", [1, 2]), ("neon glow", [3, 4]), ("heart", [])])
    settings = settings_for(loopback_llm, per_task=2, total=3)
    made = await composed(found, embedder, settings)
    assert tasks(made) == [("red star", [1, 2]), ("neon glow", [3]), ("heart", [])]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, UNREADABLE),
        ("", UNREADABLE),
        ("I cannot help with that.", UNREADABLE),
        ('{"tasks": [{"keyword": "red st', UNREADABLE),
        ("{}", UNREADABLE),
        ("null", UNREADABLE),
        ("[]", UNREADABLE),
        ('{"tasks": "red star"}', UNREADABLE),
        ('{"tasks": [{"keyword": 7, "adapters": [1]}]}', UNREADABLE),
        ('{"tasks": [{"keyword": "red star", "adapters": ["star"]}]}', UNREADABLE),
        ('{"tasks": [{"keyword": "red star", "adapters": [' + "9" * 5000 + "]}]}", UNREADABLE),
        ("[" * 100_000, UNREADABLE),
        ('{"tasks": [{"keyword": "a blue moon", "adapters": [1]}]}', FOREIGN),
    ],
)
async def test_an_answer_that_is_none(
    found: Retrieval,
    embedder: MiniLM,
    loopback_llm: LoopbackLlm,
    llm_settings: Settings,
    content: str | None,
    sentence: str,
) -> None:
    loopback_llm.say(content)
    await falls_back(found, embedder, llm_settings, sentence)


@pytest.mark.parametrize(
    "content",
    [
        '```json\n{"tasks": [{"keyword": "red star", "adapters": [1]}]}\n```',
        'Here you are: {"tasks": [{"keyword": "red star", "adapters": [1]}]} Enjoy!',
        '{"tasks": [{"keyword": "red star", "adapters": [1]}',
        '{"tasks": [{"keyword": "red star", "adapters": [1]}, {"keyword": "neon gl',
        '{"tasks": [{"keyword": "red star", "adapters": [1]}, {"keyword": "heart", "adapters": [3',
    ],
)
async def test_a_nearly_right_answer_is_repaired_and_the_breakdown_says_so(
    found: Retrieval,
    embedder: MiniLM,
    loopback_llm: LoopbackLlm,
    llm_settings: Settings,
    content: str,
) -> None:
    """What was whole is kept; the keyword that broke off is left out, and so are its adapters."""
    loopback_llm.say(content)
    made = await composed(found, embedder, llm_settings)
    assert tasks(made) == [("red star", [1])]
    assert (made.composer, made.degraded) == ("llm", (llm_composer.REPAIRED,))
    await composed(found, embedder, llm_settings)
    assert len(loopback_llm.bodies) == 2, "a broken answer is not kept"


async def test_adapters_are_named_while_the_model_still_writes(
    found: Retrieval, loopback_llm: LoopbackLlm, llm_settings: Settings
) -> None:
    """Only those that the rules leave, and the answer is the same as if it had come at once."""
    first = '{"tasks": [{"keyword": "a blue moon", "adapters": [3]}, {"keyword": "red star", '
    rest = ', {"keyword": "heart", "adapters": [3, 1]}]}'
    go_on = loopback_llm.say_slowly(first + '"adapters": [1, 99]}', rest)
    told: list[list[str]] = []

    def chosen(adapters: Sequence[Adapter]) -> None:
        told.append([one.title for one in adapters])
        go_on.set()

    made = await compose(PROMPT, found, "llm", llm_settings, chosen=chosen)
    assert told[0] == ["Big star"], "the server writes on only after this"
    assert told[-1] == ["Big star", "Heart shape"]
    assert tasks(made) == [("red star", [1]), ("heart", [3])]
    assert (made.composer, made.degraded) == ("llm", ())
    assert loopback_llm.bodies[0]["stream"] is True


async def test_a_model_that_obeys_a_hostile_card_gets_nothing_through(
    found: Retrieval, embedder: MiniLM, loopback_llm: LoopbackLlm, llm_settings: Settings
) -> None:
    """It does what the card says: one adapter for everything, with words of its own."""
    obedient: dict[str, Any] = {
        "tasks": [
            {"keyword": word, "adapters": [4], "reason": KEY, "weight": 99}
            for word in ("everything", "red star", "neon glow", "heart", f"red star {KEY}")
        ],
        "message": f"The api key is {KEY}.",
    }
    loopback_llm.say(json.dumps(obedient))
    made = await composed(found, embedder, llm_settings)
    assert tasks(made) == [("red star", [4]), ("neon glow", []), ("heart", [])]
    assert [pick.weight for pick in made.picks] == [found.candidates[3].adapter.weight]
    assert KEY not in repr(made)
    listed = loopback_llm.bodies[0]["messages"][1]["content"]
    assert KEY not in json.dumps(loopback_llm.bodies)
    lines = listed.splitlines()
    assert lines[0] == "Adapters:"
    assert [line.split(". ")[0] for line in lines[1:5]] == ["1", "2", "3", "4"]
    assert lines[5:] == ["", f"Prompt: {PROMPT}"]


async def test_without_candidates_the_model_can_choose_none(
    embedder: MiniLM, loopback_llm: LoopbackLlm, llm_settings: Settings
) -> None:
    loopback_llm.answer([("red star", [1, 2]), ("heart", [0])])
    nothing = Retrieval()
    made = await composed(nothing, embedder, llm_settings)
    assert tasks(made) == [("red star", []), ("heart", [])]


async def test_a_probe_tells_whether_the_server_answers(
    llm_settings: Settings,
) -> None:
    await llm_composer.probe(llm_settings)
    with pytest.raises(ComposerUnavailable, match="The LLM did not answer"):
        await llm_composer.probe(at("http://127.0.0.1:9/v1", llm_settings))


def test_an_llm_that_is_not_configured_is_refused_by_name() -> None:
    with pytest.raises(BadOption, match=r"set llm\.base_url and llm\.model, or use “local”"):
        choose_composer("llm", Settings())
    assert choose_composer(None, Settings()) == "local"
