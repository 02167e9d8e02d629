"""The gate for requests: who may ask for what is for adults, where, at which settings."""

from dataclasses import replace

import pytest

from engine.errors import BadPrompt
from engine.requests.admission import once_more
from engine.requests.gate import pass_gate
from engine.settings import Moderation
from engine.values import Asker, Overrides, Rules
from tests.samples import ADA, BOB, request

CONSOLE = Asker("console", user="operator")
OPEN, SHUT = Rules(unsafe=True), Rules()


@pytest.mark.parametrize("asker", [ADA, CONSOLE])
@pytest.mark.parametrize("channel", [True, False])
@pytest.mark.parametrize("rules", [OPEN, SHUT])
@pytest.mark.parametrize("terminal", [True, False])
def test_adults_need_the_place_and_the_rule(
    asker: Asker, channel: bool, rules: Rules, terminal: bool
) -> None:
    """In a chat both; at a terminal the operator's setting and nothing else."""
    asked = request("a nude statue", asker=asker, overrides=Overrides(unsafe=channel))
    settings = Moderation(adults_at_terminal=terminal)
    adults = terminal if asker is CONSOLE else channel and rules.unsafe
    if adults:
        assert pass_gate(asked, rules, settings).overrides.unsafe
        return
    with pytest.raises(BadPrompt, match="not taken here"):
        pass_gate(asked, rules, settings)
    plain = pass_gate(replace(asked, prompt="a statue"), rules, settings)
    assert not plain.overrides.unsafe, "the right is taken away where it does not hold"


def test_children_are_safe_from_everybody() -> None:
    asked = request("a nude child", overrides=Overrides(unsafe=True))
    with pytest.raises(BadPrompt, match="never taken"):
        pass_gate(asked, OPEN, Moderation(adults_at_terminal=True))


def test_what_was_made_among_adults_is_not_continued_elsewhere() -> None:
    made = request(overrides=Overrides(unsafe=True))
    assert once_more(made, BOB).overrides.unsafe
    assert not once_more(made, replace(BOB, channel="c2")).overrides.unsafe
    assert not once_more(made, replace(BOB, workspace="w2")).overrides.unsafe
