"""`stylus eval votes`: what people preferred, in duels and by thumbs."""

from collections import defaultdict
from collections.abc import Iterable

from engine.community.duels import Ballot
from engine.desk import Desk, open_desk
from engine.evaluating.statistics import wilson_interval
from engine.operations.figures import Figure
from engine.settings import Settings

NOBODY = "Nobody has voted yet: ask /stylus duel in a chat, or judge answers there with 👍 and 👎."
#: The paper's preference over its base, of about 145 pairs (section 4.2).
GOAL = 0.5


async def measure(settings: Settings) -> list[Figure]:
    """Returns shares of votes with Wilson's intervals; nothing where nobody voted."""
    async with open_desk(settings) as desk:
        ballots = await desk.duels.ballots()
        thumbs = await _thumbs(desk)
        opinions = await desk.opinions.everywhere()
    people = [
        _share(f"liked by people, {o.adapter_id}", o.liked, o.judged) for o in opinions.values()
    ]
    return [*_duels(ballots), *thumbs, *people]


def _duels(ballots: Iterable[Ballot]) -> list[Figure]:
    counted: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for ballot in ballots:
        names = ["duels: adapters preferred"]
        names += [f"duels, checkpoint {ballot.checkpoint}", f"duels, composer {ballot.composer}"]
        names += [f"duels, {ballot.ideas} {'idea' if ballot.ideas == 1 else 'ideas'} served"]
        names += [f"duels, {kind} adapters" for kind in ballot.kinds]
        names += [f"duels, {adapter}" for adapter in ballot.adapters]
        for name in names:
            counted[name][0] += ballot.won
            counted[name][1] += ballot.cast
    return [_share(name, won, cast) for name, (won, cast) in counted.items()]


async def _thumbs(desk: Desk) -> list[Figure]:
    counted: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for verdict in await desk.feedback.verdicts():
        for adapter in verdict.adapters:
            counted[adapter][0] += verdict.good
            counted[adapter][1] += verdict.good + verdict.bad
    return [_share(f"thumbs up, {name}", good, all_) for name, (good, all_) in counted.items()]


def _share(name: str, hits: int, count: int) -> Figure:
    value = wilson_interval(hits, count)
    goal = GOAL if name == "duels: adapters preferred" else None
    return Figure(
        name, value.value, f"of {count}", goal, higher_is_better=True,
        interval=(value.low, value.high),
    )  # fmt: skip
