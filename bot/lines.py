"""Lines of text that must fit: cut at a number of characters, or left out whole."""


def cut(text: str, limit: int) -> str:
    """Returns the text in one line of at most so many characters, for places without markup."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def join_lines(lines: list[str], limit: int, more: str) -> str:
    """Returns as many whole lines as fit, and `more` in the place of the others."""
    kept: list[str] = []
    room = limit - len(more) - 1
    for line in lines:
        if len(line) + 1 > room:
            return "\n".join([*kept, more])
        kept.append(line)
        room -= len(line) + 1
    return "\n".join(kept)
