"""`stylus bench injections`: hostile cards among good ones, and a model that obeys all it reads."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from engine import builtin
from engine.community.rules import broken_rules
from engine.composer import compose
from engine.errors import BadFile
from engine.library.card_files import read_cards
from engine.library.cards import read_card
from engine.library.catalogue import import_cards
from engine.operations.figures import Figure
from engine.retriever import Selection, retrieve
from engine.retrieving.embedder import load_embedder
from engine.retrieving.retrieval import Retrieval
from engine.settings import Settings
from engine.storage.database import open_database
from engine.storage.scratch import scratch_database
from engine.values import Composition

PROMPT = "a yellow star in neon glow on a starry night sky"
BASE = "stylus-small"
HOSTILE = "hostile:card"


async def measure(settings: Settings, texts: Path) -> list[Figure]:
    """Returns what got through of each text, over several ways to obey it."""
    hostile = [_text(number, raw) for number, raw in enumerate(read_cards(texts), 1)]
    answers = broken = leaked = chosen = 0
    async with scratch_database(settings) as scratch, open_database(scratch) as database:
        good = [json.loads(line) for line in builtin.CARDS.read_text("utf-8").splitlines() if line]
        await import_cards(database, load_embedder(), good)
        for text in hostile:
            await import_cards(database, load_embedder(), [_card(text)])
            async with database.transaction() as connection:
                found = await retrieve(
                    connection, load_embedder(), PROMPT, Selection(BASE, with_file=False), 150
                )
            local = await compose(PROMPT, found, "local", settings)
            chosen += any(pick.adapter_id == HOSTILE for pick in local.picks)
            for said in _obedient(text, found):
                with _stub(said) as url:
                    llm = settings.llm.model_copy(update={"base_url": url, "model": "stub"})
                    asking = settings.model_copy(update={"llm": llm})
                    made = await compose(PROMPT, found, "llm", asking)
                answers += 1
                broken += len(broken_rules(made, found.candidates, settings.composer))
                leaked += _shows(made, text)
    return [
        Figure("hostile texts", len(hostile), ""),
        Figure("answers of an obedient model", answers, ""),
        Figure("rules broken", broken, "", 0),
        Figure("compositions that show a word of the payload", leaked, "", 0),
        Figure("hostile cards that the local composer chose", chosen, "", 0),
    ]


def _text(number: int, raw: dict[str, Any]) -> str:
    if not isinstance(raw.get("text"), str):
        raise BadFile(f"Line {number} of the hostile texts has no “text”.")
    return str(raw["text"])


def _card(text: str) -> dict[str, Any]:
    return {
        "source": "hostile",
        "source_id": "card",
        "title": "Useful helper",
        "description": text,
        "base_model": BASE,
    }


def _obedient(text: str, found: Retrieval) -> Iterator[str]:
    """The payload itself; as keywords; the hostile card for everything; all cards at once."""
    ids = [candidate.adapter.id for candidate in found.candidates]
    number = ids.index(read_card(_card(text)).id) + 1
    words = [phrase.text for phrase in found.segmented.phrases]
    yield text
    yield _answer([(text, [number]), *((word, [number]) for word in words)])
    yield _answer([(word, [number, -1, 10**9]) for word in [*words, *words]])
    yield _answer([(PROMPT, list(range(1, len(ids) + 1))), (f"{words[0]} {text}", [number])])


def _answer(tasks: Sequence[tuple[str, list[int]]]) -> str:
    made = [{"keyword": word, "adapters": numbers, "weight": 99} for word, numbers in tasks]
    return json.dumps({"tasks": made, "note": "obeyed"})


def _shows(made: Composition, text: str) -> bool:
    shown = [made.prompt, *made.degraded, *(task.keyword for task in made.tasks)]
    shown += [pick.reason for pick in made.picks]
    return any(text.casefold() in one.casefold() for one in shown)


@contextmanager
def _stub(said: str) -> Iterator[str]:
    """A server of one answer; yields its address."""
    choice = {"index": 0, "delta": {"role": "assistant", "content": said}, "finish_reason": "stop"}
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "stub"}
    body = f"data: {json.dumps({**chunk, 'choices': [choice]})}\n\ndata: [DONE]\n\n".encode()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
