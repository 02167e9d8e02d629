"""`stylus bench compose`: how long composing takes, and what a language model would read."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from time import perf_counter

from bot.benchmarks import crowd
from bot.benchmarks.loopback_model import LoopbackModel, open_model
from engine.community.rules import broken_rules
from engine.composer import compose
from engine.composing import llm_composer
from engine.operations.figures import Figure, median_and_p95
from engine.retriever import Selection, retrieve
from engine.retrieving.embedder import MAX_TOKENS, load_embedder
from engine.retrieving.retrieval import Retrieval
from engine.settings import Llm, Settings
from engine.storage.database import open_database
from engine.storage.scratch import scratch_database

MEDIAN_GOAL = 0.060
TOKENS_GOAL = 7000
#: What asking a language model costs beside the server's time.
OVERHEAD_GOAL = 0.030
WARM_UP = 5


async def measure(
    settings: Settings, requests: int, rows: int, cards: Path | None, tell: Callable[[str], None]
) -> list[Figure]:
    """Returns seconds of the local composer alone, and tokens of the LLM composer's question.

    Tokens are counted by the local embedder's tokenizer, whose words are rather shorter than
    those of language models.
    """
    embedder = load_embedder()
    selection = Selection(base="sd15", with_file=False)
    seconds, tokens, broken, asking = [], [], 0, []
    async with (
        scratch_database(settings) as scratch,
        open_database(scratch) as database,
        open_model() as model,
    ):
        await crowd.fill(database, embedder, rows, cards, tell)
        for n, prompt in enumerate(islice(crowd.prompts(), WARM_UP + requests)):
            async with database.transaction() as connection:
                found = await retrieve(
                    connection, embedder, prompt, selection, settings.retriever.candidates
                )
            began = perf_counter()
            made = await compose(prompt, found, "local", settings)
            local = perf_counter() - began
            beside = await _overhead(prompt, found, settings, model)
            if n >= WARM_UP:
                seconds.append(local)
                asking.append(beside)
            asked = llm_composer.question(prompt, found.candidates)
            lines = [line for message in asked for line in message["content"].splitlines()]
            # Each line comes with a first and a last token that are no text.
            tokens.append(sum(len(ids) - 2 for ids in embedder.tokens(lines, MAX_TOKENS)))
            broken += len(broken_rules(made, found.candidates, settings.composer))
    return [
        *median_and_p95("local compose", seconds, MEDIAN_GOAL),
        *median_and_p95("LLM composer beside its server's time", asking, OVERHEAD_GOAL),
        Figure("LLM composer's question, most", max(tokens), "tokens", TOKENS_GOAL),
        Figure("rules broken", broken, "", 0),
    ]


async def _overhead(
    prompt: str, found: Retrieval, settings: Settings, model: LoopbackModel
) -> float:
    """Seconds of composing with a language model that are not its server's."""
    answered = len(model.seconds)
    llm = Llm(base_url=model.url, model=f"loopback {answered}")  # no answer is known before
    began = perf_counter()
    made = await compose(prompt, found, "llm", settings.model_copy(update={"llm": llm}))
    whole = perf_counter() - began
    assert made.composer == "llm", made.degraded
    return whole - sum(model.seconds[answered:])
