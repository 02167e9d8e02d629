"""Which part of the catalogue may answer."""

from dataclasses import dataclass

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
