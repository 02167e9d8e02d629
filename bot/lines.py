"""Lines of text that must fit: cut at a number of characters, or left out whole."""


def width(text: str) -> int:
    """Returns the characters as platforms may count them: most emoji are two of theirs."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut(text: str, limit: int) -> str:
    """Returns the text in one line of at most so many characters, for places without markup."""
    line = " ".join(text.split())
    if width(line) <= limit:
        return line
    while width(line) >= limit:
        line = line[: min(len(line) - 1, limit - 1)]
    return line.rstrip() + "…"


def join_lines(lines: list[str], limit: int, more: str) -> str:
    """Returns as many whole lines as fit, and `more` in the place of the others."""
    kept: list[str] = []
    room = limit - width(more) - 1
    for line in lines:
        if width(line) + 1 > room:
            return "\n".join([*kept, more])
        kept.append(line)
        room -= width(line) + 1
    return "\n".join(kept)
