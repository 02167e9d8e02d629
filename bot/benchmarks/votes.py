"""`stylus eval votes`: what people preferred, in duels and by thumbs, and what a model would."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from engine.community.duels import Ballot
from engine.desk import Desk, open_desk
from engine.errors import ComposerUnavailable, StorageUnavailable
from engine.evaluating.model_judge import Judgement, judge, seeing_model
from engine.evaluating.statistics import wilson_interval
from engine.operations.figures import Figure
from engine.png import encode_plain, open_image
from engine.settings import Llm, Settings
from engine.values import Opponent

Tell = Callable[[str], None]

NOBODY = "Nobody has voted yet: ask /stylus duel in a chat, or judge answers there with 👍 and 👎."
#: What a vote for the method's image prefers, by what that was held against.
PREFERRED: Mapping[Opponent, str] = {
    "base": "adapters preferred",
    "all": "one adapter an idea preferred to all",
    "half": "full weight preferred to half",
}
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


async def measure_judge(settings: Settings, tell: Tell) -> list[Figure]:
    """Returns what a vision model prefers of the pairs that people voted on.

    Raises BadSettings where none is configured.
    """
    llm = seeing_model(settings)
    async with open_desk(settings) as desk:
        ballots = await desk.duels.ballots()
        judged = []
        for number, ballot in enumerate(ballots, 1):
            try:
                judged.append((ballot, await _judged(desk, llm, ballot)))
            except (ComposerUnavailable, StorageUnavailable) as error:
                tell(f"{number} of {len(ballots)} is left out: {error}")
    return judge_figures(judged, len(ballots))


async def _judged(desk: Desk, llm: Llm, ballot: Ballot) -> Judgement:
    ours, base = [await asyncio.to_thread(desk.store.read, blob) for blob in ballot.images]
    pixels = [encode_plain(open_image(content)) for content in (ours, base)]
    return await judge(llm, ballot.prompt, *pixels)


def judge_figures(judged: Sequence[tuple[Ballot, Judgement]], asked: int) -> list[Figure]:
    """Returns the judge's preferences, and how often people agree; `asked` counts all pairs."""
    if not asked:
        return []
    counted: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    agreed = [0, 0]
    for ballot, one in judged:
        if one.better == "tie":
            continue
        won = one.better == "first"
        names = [f"judge: {PREFERRED[ballot.against]}"]
        if ballot.against == "base":
            names.append(f"judge, checkpoint {ballot.checkpoint}")
        for name in names:
            counted[name][0] += won
            counted[name][1] += 1
        if 2 * ballot.won != ballot.cast:
            agreed[0] += won == (2 * ballot.won > ballot.cast)
            agreed[1] += 1
    ties = sum(one.better == "tie" for _, one in judged)
    inconsistent = sum(one.inconsistent for _, one in judged)
    return [
        *(_share(name, won, count) for name, (won, count) in counted.items()),
        _share("judge: ties", ties, len(judged)),
        _share("judge: inconsistent, a tie each", inconsistent, len(judged)),
        _share("judge: pairs answered", len(judged), asked),
        _share("judge and most people agree", *agreed),
    ]


def _duels(ballots: Iterable[Ballot]) -> list[Figure]:
    counted: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for ballot in ballots:
        names = [f"duels: {PREFERRED[ballot.against]}"]
        if ballot.against == "base":
            names += _parts(ballot)
        for name in names:
            counted[name][0] += ballot.won
            counted[name][1] += ballot.cast
    return [_share(name, won, cast) for name, (won, cast) in counted.items()]


def _parts(ballot: Ballot) -> list[str]:
    """What else a duel against the base is counted under."""
    return [
        f"duels, checkpoint {ballot.checkpoint}",
        f"duels, composer {ballot.composer}",
        f"duels, {ballot.ideas} {'idea' if ballot.ideas == 1 else 'ideas'} served",
        *(f"duels, {kind} adapters" for kind in ballot.kinds),
        *(f"duels, {adapter}" for adapter in ballot.adapters),
    ]


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
