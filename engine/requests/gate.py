"""The gate for requests: what is for adults only where the place and its admins allow it, now.

A request descends from others, made elsewhere and when other rules held; so it passes anew each
time that something is to be made of it.
"""

from dataclasses import replace

from engine.community.wording import refuse_prompt
from engine.settings import Moderation
from engine.values import Request, Rules


def pass_gate(request: Request, rules: Rules, settings: Moderation) -> Request:
    """Returns the request with the rights that it really has. Raises `BadPrompt`."""
    if request.asker.platform == "console":
        adults = settings.adults_at_terminal
    else:
        adults = rules.unsafe and request.overrides.unsafe
    refuse_prompt(request.prompt, adults=adults)
    return replace(request, overrides=replace(request.overrides, unsafe=adults))
