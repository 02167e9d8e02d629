"""Access: one workspace never sees what another made, and what is private stays so."""

from engine.errors import UnknownRequest
from engine.values import Asker, Home, Request


def unknown_request(request_id: str) -> UnknownRequest:
    """Returns the refusal of an id that leads nowhere."""
    return UnknownRequest(
        f"There is no request “{request_id[:40]}”; the id stands under each answer."
    )


def refuse_outsider(request: Request, home: Home, asker: Asker) -> None:
    """Raises `UnknownRequest` where the asker is in another place or the answer is private.

    It is the same sentence as for an id that never was: an outsider learns nothing. Whoever sits
    at a terminal of the installation sees everything.
    """
    owner = request.asker
    here = (owner.platform, owner.workspace) == (asker.platform, asker.workspace)
    mine = here and owner.user == asker.user
    if not request.prompt:  # the shell of what its asker had us forget
        raise unknown_request(request.id)
    if asker.platform != "console" and not (mine or (here and not home.private)):
        raise unknown_request(request.id)
