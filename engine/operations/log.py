"""Logs: structlog to standard error, one event a line, with the request's id where there is one."""

import contextlib
import logging
import sys
from typing import IO, TextIO, cast

import structlog

from engine.settings import Log


def configure_log(settings: Log, stream: TextIO | None = None) -> None:
    """Sets up this process's log, on standard error unless a stream is given; libraries speak up
    from warnings on only.

    Their lower levels would print connection strings and people's prompts.
    """
    stream = stream or sys.stderr
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if settings.json_lines
        else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, _Undaunted(stream))),
    )
    logging.basicConfig(level=logging.WARNING, stream=stream, format="%(name)s: %(message)s")


class _Undaunted:
    """A stream that loses what it cannot write: no disk that is full may end what is at work."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def write(self, said: str) -> None:
        """Writes, or does not."""
        with contextlib.suppress(OSError):
            self._stream.write(said)

    def flush(self) -> None:
        """As `write`."""
        with contextlib.suppress(OSError):
            self._stream.flush()


def get_log(name: str) -> structlog.typing.FilteringBoundLogger:
    """Returns a logger whose events carry the part's name."""
    log: structlog.typing.FilteringBoundLogger = structlog.get_logger(part=name)
    return log
