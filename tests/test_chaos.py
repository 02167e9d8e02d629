"""What `stylus chaos` does and says: its clocks jump, and its words are those of rows and posts."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

from bot.benchmarks.shifted_clock import set_clock
from bot.benchmarks.survival import Injury, Survival, judge, told
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
    survival.injuries = [
        Injury(1, "killed", "engine", 2.5),
        Injury(2, "killed", "renderer", 70, alone=True),
        Injury(9, "frozen", "engine"),
    ]
    survival.starts["renderer"] = [8, 9]
    said = "\n".join(told(survival))
    assert "engine frozen 1 times, engine killed 1 times" in said
    assert "renderer: 2 times; median 8.0, p90 9.0, most 9.0 s from its start" in said
    assert "2 lost, 1 doubled, 1 incomplete" in said
    assert "killed: 1 times; median 2.5, p90 2.5, most 2.5 s" in said
    assert "killed, no other one ready for a time: 1 times; median 70.0, p90 70.0" in said
    assert "frozen: 1 times it never went on" in said
    assert replace(survival, lost=0, doubled=0, incomplete=0).whole
    assert json.loads(json.dumps(asdict(survival)))["failed"] == {"It died 3 times": 1}


def test_a_worker_s_clock_can_be_made_to_jump(tmp_path: Path) -> None:
    """Both ways of asking for the time, and not those that only measure."""
    clock = tmp_path / "clock"
    set_clock(clock, 3600)
    asking = (
        "import datetime, sys, time; from pathlib import Path; "
        "from bot.benchmarks.shifted_clock import set_clock, shift_clock; "
        "real, steady = time.time(), time.monotonic(); shift_clock(Path(sys.argv[1])); "
        "from datetime import UTC, datetime as when; first = when.now(UTC).timestamp() - real; "
        "set_clock(Path(sys.argv[1]), -7200); "
        "minutes = lambda seconds: round(seconds / 60); "
        "print(minutes(first), minutes(time.time() - real), minutes(time.monotonic() - steady), "
        "isinstance(datetime.datetime(2000, 1, 1), when))"
    )
    done = subprocess.run(
        [sys.executable, "-c", asking, clock], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["60", "-120", "0", "True"]
