"""Which part of the catalogue may answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

#: What those who look after the library find; what was removed nobody does.
KEPT = ("active", "disabled", "proposed")


@dataclass(frozen=True, slots=True)
class Selection:
    """The filters of a search."""

    base: str
    workspace: str = ""
    unsafe: bool = False
    #: Whether adapters of real people count, where the prompt names them.
    people: bool = False
    #: Whether characters and people come unnamed too, for those who look after the library.
    anybody: bool = False
    #: Only adapters whose file is here ...
    with_file: bool = True
    #: ... or can be fetched: its hash is known and where it comes from.
    remote: bool = False
    drop: tuple[str, ...] = ()
    statuses: tuple[str, ...] = ("active",)


#: Which adapters may be candidates, by the columns of their table.
FILTERS = """
    base = :base and status = any(:statuses) and rating = any(:ratings)
    and workspace in ('', :workspace) and not id = any(:drop)
    and (blob is not null or not :with_file or :remote and sha256 is not null
         and (link is not null or source in ('civitai', 'huggingface')))
    and (not broken or :anybody)
    and (kind = '' or :anybody
         or names && cast(:spoken as text[]) and (kind = 'character' or :people))"""


def filter_parameters(selection: Selection, spoken: Sequence[str]) -> dict[str, Any]:
    """Returns the parameters of `FILTERS`; `spoken` are the names that the prompt may call."""
    return {
        "base": selection.base,
        "workspace": selection.workspace,
        "ratings": ["safe", "unsafe"] if selection.unsafe else ["safe"],
        "people": selection.people,
        "anybody": selection.anybody,
        "spoken": spoken,
        "with_file": selection.with_file,
        "remote": selection.remote,
        "drop": list(selection.drop),
        "statuses": list(selection.statuses),
    }
