"""The LLM composer: whatever a server answers, the composition keeps the rules or is ours."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from engine.composer import choose_composer, compose
from engine.composing import llm_composer
from engine.composing.llm_composer import INSTRUCTIONS
from engine.composing.llm_memory import Memory
from engine.errors import BadOption, ComposerUnavailable
from engine.retrieving.embedder import MiniLM
from engine.retrieving.retrieval import Retrieval
from engine.settings import Composer, Llm, Settings
from engine.values import Adapter, Candidate, Composition
from tests.cards import HOSTILE
from tests.loopback_llm import LoopbackLlm, Task, completion
from tests.samples import adapter, retrieval

KEY = "canary-5ecret"
PROMPT = "a red star, neon glow and a heart"
TITLES = ["Big star", "Neon glow", "Heart shape", "Useful helper"]


@pytest.fixture(autouse=True)
def no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers of two tests may have the same port."""
    monkeypatch.setattr(llm_composer, "MEMORY", Memory())


@pytest.fixture
def found(embedder: MiniLM) -> Retrieval:
    """Four candidates; the last one is hostile."""
    made = [adapter(f"test:{n}", title) for n, title in enumerate(TITLES, 1)]
    made[-1] = replace(made[-1], description=HOSTILE)
    return retrieval(PROMPT, [Candidate(one, 0.5) for one in made], embedder)


@pytest.fixture
def llm_settings(loopback_llm: LoopbackLlm) -> Settings:
    return settings_for(loopback_llm)


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


STATUS = "The LLM answered with status {}. The local composer took over."
UNREADABLE = "The LLM's answer could not be read. The local composer took over."
FOREIGN = "The LLM's keywords are not in the prompt. The local composer took over."
SILENT = "The LLM did not answer. The local composer took over."


async def falls_back(found: Retrieval, embedder: MiniLM, settings: Settings, sentence: str) -> None:
    """The local composer takes over, says so, and shows neither the key nor the server's words."""
    made = await composed(found, embedder, settings)
    local = await compose(PROMPT, found, "local", settings)
    assert made == replace(local, degraded=(sentence,))
    assert local.picks
    assert KEY not in repr(made)


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
async def test_an_error_status(
    found: Retrieval,
    embedder: MiniLM,
    loopback_llm: LoopbackLlm,
    llm_settings: Settings,
    status: int,
) -> None:
    loopback_llm.send(status, json.dumps({"error": {"message": f"Wrong key {KEY}"}}))
    await falls_back(found, embedder, llm_settings, STATUS.format(status))
    assert len(loopback_llm.bodies) == 1, "no second call while somebody waits"


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


NO_COMPLETION = [
    "",
    "not json",
    "{}",
    "[]",
    "null",
    json.dumps(completion({}) | {"choices": []}),
    json.dumps(completion({}) | {"choices": None}),
    json.dumps(completion({}) | {"choices": [{"index": 0, "message": None}]}),
]


@pytest.mark.parametrize("body", NO_COMPLETION)
async def test_a_body_that_is_no_completion(
    found: Retrieval,
    embedder: MiniLM,
    loopback_llm: LoopbackLlm,
    llm_settings: Settings,
    body: str,
) -> None:
    loopback_llm.send(200, body)
    await falls_back(found, embedder, llm_settings, SILENT)


async def test_a_page_instead_of_an_answer(
    found: Retrieval, embedder: MiniLM, loopback_llm: LoopbackLlm, llm_settings: Settings
) -> None:
    loopback_llm.send(200, "<html>Sign in</html>", "text/html")
    await falls_back(found, embedder, llm_settings, SILENT)


async def test_a_connection_that_breaks(
    found: Retrieval, embedder: MiniLM, loopback_llm: LoopbackLlm, llm_settings: Settings
) -> None:
    loopback_llm.hang_up()
    await falls_back(found, embedder, llm_settings, SILENT)


async def test_a_server_that_is_not_there(
    found: Retrieval, embedder: MiniLM, llm_settings: Settings
) -> None:
    for url in ("http://127.0.0.1:9/v1", "nonsense"):
        await falls_back(found, embedder, at(url, llm_settings), SILENT)
    for url in ("http://[::1", "http://host:port/"):
        sentence = "The setting llm.base_url is no URL. The local composer took over."
        await falls_back(found, embedder, at(url, llm_settings), sentence)


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


async def test_an_answer_that_breaks_off_in_the_middle(
    found: Retrieval, embedder: MiniLM, loopback_llm: LoopbackLlm, llm_settings: Settings
) -> None:
    loopback_llm.say_and_hang_up('{"tasks": [{"keyword": "red star", "adapters": [1]}')
    await falls_back(found, embedder, llm_settings, SILENT)


@pytest.mark.parametrize(
    "line", ["not json", '{"error": {"message": "overloaded"}}', "7", '{"choices": 7}', "null"]
)
async def test_a_stream_of_something_else(
    found: Retrieval,
    embedder: MiniLM,
    loopback_llm: LoopbackLlm,
    llm_settings: Settings,
    line: str,
) -> None:
    loopback_llm.send(200, f"data: {line}\n\n", "text/event-stream")
    await falls_back(found, embedder, llm_settings, SILENT)


@pytest.mark.parametrize("way", ["hang", "drip"])
async def test_a_server_that_takes_too_long(
    found: Retrieval, embedder: MiniLM, loopback_llm: LoopbackLlm, way: str
) -> None:
    loopback_llm.drip(0.05) if way == "drip" else loopback_llm.hang()
    sentence = "The LLM took longer than 0.3 s. The local composer took over."
    await falls_back(found, embedder, settings_for(loopback_llm, timeout=0.3), sentence)


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
