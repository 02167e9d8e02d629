"""Training: lessons from labelled prompts, and which known prompt is the likest."""

import numpy as np
import pytest

from engine.errors import BadFile
from engine.learning.labelled import Labelled
from engine.learning.training import FEWEST, folds, gather, nearest
from engine.retrieving.embedder import MiniLM
from engine.storage.database import Database
from tests.cards import BASE

SHAPES = "star heart circle square cat dog house tree boat car".split()


async def test_lessons_know_each_keyword_and_fold_by_prompt(
    database: Database, catalogue: tuple[str, ...], embedder: MiniLM
) -> None:
    with pytest.raises(BadFile, match=f"training needs {FEWEST}"):
        await gather(database, embedder, [], BASE, lambda _: None)
    labelled = [
        Labelled(f"a {one} beside a {other}", {one: ("star",) if one == "star" else ()}, {})
        for one in SHAPES
        for other in SHAPES
    ]
    known = Labelled("a star at night", {"star": ("star",)}, {"star": ("star",)})
    lessons = await gather(database, embedder, [*labelled, known, known], BASE, lambda _: None)
    assert len(lessons) == 102
    last = lessons[-1]
    assert [card.chosen.sum() for card in last.cards] == [1.0], "the star's card is a candidate"
    assert [word.none for word in last.keywords] == [False]
    assert last.words.runs == ((1, 0),)
    assert np.abs(last.vector - embedder.embed([known.prompt])[0]).max() < 1e-5
    for learned, held in folds(lessons, 5):
        assert len(learned) + len(held) == 102
        prompts = {one.labelled.prompt for one in held}
        assert prompts.isdisjoint({one.labelled.prompt for one in learned})
    ways = [[one.labelled.prompt for one in next(folds(lessons, 5, n))[1]] for n in (0, 0, 1)]
    assert ways[0] == ways[1] != ways[2]
    assert nearest(lessons[0], lessons) is known, "only prompts with a card at hand count"
