"""What `stylus chaos` says of a run is what its rows and posts say."""

from collections import Counter
from dataclasses import replace

from bot.benchmarks.chaos import Injury, Survival, judge
from bot.command_line.chaos import told
from engine.values import Answer, Phase, Timings
from tests.samples import rendering, request


def answer(request_id: str, phase: Phase = Phase.RENDERED, images: int = 2) -> Answer:
    made = request(id=request_id)
    shown = tuple(rendering(n) for n in range(images))
    failure = "It died 3 times, so it was given up." if phase is Phase.FAILED else None
    return Answer(made, phase, None, (), shown, Timings(), (), failure)


def test_every_way_to_end_is_told_apart() -> None:
    answers = [
        answer("fine"),
        answer("twice"),
        answer("never posted"),
        answer("open", Phase.RENDERING, 0),
        answer("half", images=1),
        answer("given up", Phase.FAILED, 0),
    ]
    posted = Counter({one.request.id: 1 for one in answers})
    posted.update({"twice": 1})
    del posted["never posted"]
    survival = Survival(seed=7, requests=6)
    judge(survival, answers, posted)
    assert (survival.rendered, survival.lost, survival.doubled) == (2, 2, 1)
    assert (survival.incomplete, dict(survival.failed)) == (1, {"It died 3 times": 1})
    assert not survival.whole
    survival.injuries = [Injury(1, "killed", "engine", 2.5), Injury(9, "frozen", "engine")]
    said = "\n".join(told(survival))
    assert "engine frozen 1 times, engine killed 1 times" in said
    assert "2 lost, 1 doubled, 1 incomplete" in said
    assert "killed: what was under way had gone on after 2.5 s (median), 2.5 s (most)" in said
    assert "frozen: 1 times it never went on" in said
    assert replace(survival, lost=0, doubled=0, incomplete=0).whole
