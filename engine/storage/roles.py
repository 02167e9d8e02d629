"""Database roles with no more rights than each kind of process needs, as SQL for an administrator.

Processes go on working as one user who owns everything; whoever wants less gives each kind its
own. What a stranger's file or prompt might take over is the renderer, so it reads no tokens, no
settings of workspaces, and nothing of who liked, starred or voted for what.
"""

from collections.abc import Iterator, Mapping

from engine.storage.tables import QUEUE_SCHEMA, SCHEMA

READ = "select"
ADD = "select, insert"
WRITE = "select, insert, update, delete"


def _write(*tables: str) -> dict[str, str]:
    return dict.fromkeys(tables, WRITE)


#: What belongs to a request; who makes or shows one works on these.
_REQUESTS = _write(
    "requests", "compositions", "image_plans", "renderings", "previews", "deliveries"
)
_LIBRARY = _write("adapters", "adapter_texts", "adapter_words", "adapter_vectors", "additions")
_CHATS = _write("homes", "messages", "feedback", "stars", "duel_votes", "spent_images")
_ALL = {"workers": WRITE, "alembic_version": READ}

#: By role, what it may do to which table; what is not named is out of its reach.
RIGHTS: Mapping[str, Mapping[str, str]] = {
    "engine": {**_ALL, **_REQUESTS, **_LIBRARY, **_CHATS, "audit": ADD},
    "renderer": {
        **_ALL,
        "requests": "select, update",
        "compositions": READ,
        "image_plans": READ,
        "renderings": ADD,
        "previews": WRITE,
        "deliveries": ADD,
        "adapters": "select, insert, update",
        "adapter_texts": WRITE,
        "adapter_words": WRITE,
        "additions": "select, update",
    },
    "frontend": {
        **_ALL, **_REQUESTS, **_LIBRARY, **_CHATS,
        "events": WRITE, "errands": WRITE, "workspaces": WRITE, "installations": WRITE,
        "listings": WRITE, "audit": ADD,
    },
}  # fmt: skip


def roles_sql(prefix: str = "stylus") -> str:
    """Returns the statements that create the roles, or bring their rights up to date.

    Run them in the database after each `stylus migrate`. Users get a role by `grant`.
    """
    return "\n".join(line for role in RIGHTS for line in _role(f"{prefix}_{role}", RIGHTS[role]))


def _role(name: str, rights: Mapping[str, str]) -> Iterator[str]:
    yield (
        f"do $$ begin create role {name} nologin; "
        "exception when duplicate_object then null; end $$;"
    )
    yield f"grant usage on schema {SCHEMA}, {QUEUE_SCHEMA}, public to {name};"
    yield f"revoke all on all tables in schema {SCHEMA} from {name};"
    for table, allowed in rights.items():
        yield f"grant {allowed} on {SCHEMA}.{table} to {name};"
    yield f"grant usage on all sequences in schema {SCHEMA} to {name};"
    yield f"grant {WRITE} on all tables in schema {QUEUE_SCHEMA} to {name};"
    yield f"grant usage on all sequences in schema {QUEUE_SCHEMA} to {name};"
