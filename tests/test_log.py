"""What the log tells: which request, which stage, and people's words only where that is set."""

from io import StringIO

import pytest
from sqlalchemy import text

from engine.desk import Desk
from engine.operations.log import configure_log
from engine.processes.jobs import run_stage
from engine.processes.process import Post
from engine.requests.ledger import Claim
from engine.settings import Log
from engine.values import Phase
from tests.samples import ask

WORDS = "a canary in a cage"


async def trip(post: Post, claimed: Claim) -> None:
    """The database refuses a number, and says so with what it was given."""
    async with post.database.transaction() as connection:
        await connection.execute(
            text("insert into requests (id, seed) values (:id, :seed)"),
            {"id": claimed.request.prompt, "seed": 2**70},
        )


@pytest.mark.parametrize("shown", [False, True])
async def test_prompts_stand_in_the_log_only_where_that_is_set(desk: Desk, shown: bool) -> None:
    log = Log(prompts=shown, json_lines=True)
    settings = desk.settings.model_copy(update={"log": log})
    said = StringIO()
    configure_log(log, said)
    made = await desk.submit(ask(WORDS))
    post = Post(settings, desk.database, desk.queue)
    await run_stage(post, made.id, Phase.QUEUED, Phase.COMPOSING, trip)
    assert (await desk.answer(made.id)).phase is Phase.FAILED
    lines = said.getvalue().splitlines()
    assert "a stage failed" in said.getvalue()
    assert all(made.id in line for line in lines)
    assert any(WORDS in line for line in lines) is shown
