"""`stylus eval composer`: our compositions beside labelled ones."""

from collections.abc import Callable
from pathlib import Path

from engine import catalogue
from engine.card_files import read_cards
from engine.database import open_database
from engine.embedder import load_embedder
from engine.figures import Figure
from engine.learning import agreement
from engine.learning.agreement import Answered
from engine.learning.labelled import Labelled, read_labelled
from engine.rules import broken_rules
from engine.scratch import scratch_database
from engine.settings import Settings
from engine.stages import Stages, open_stages


async def measure(
    settings: Settings, cards: Path, answers: Path, base: str, tell: Callable[[str], None]
) -> list[Figure]:
    """Returns the agreement of the configured composer with the answers, on those cards alone."""
    labelled = read_labelled(answers)
    async with scratch_database(settings) as scratch:
        async with open_database(scratch) as database:
            tell(f"importing {cards}")
            await catalogue.import_cards(database, load_embedder(), read_cards(cards))
        async with open_stages(scratch) as stages:
            answered = []
            for n, one in enumerate(labelled, 1):
                answered.append(await _answer(stages, one, base))
                if n % 500 == 0:
                    tell(f"{n} of {len(labelled)}")
    return agreement.figures(answered)


async def _answer(stages: Stages, labelled: Labelled, base: str) -> Answered:
    made = await stages.compose(labelled.prompt, base, None)
    candidates = made.retrieval.candidates
    return Answered(
        labelled,
        tuple(candidate.adapter.source_id for candidate in candidates),
        made.composition,
        made.seconds,
        broken_rules(made.composition, candidates, stages.settings.composer),
    )
