"""The tables of the library beside the catalogue's own: LoRAs on their way in, lists."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB

from engine.storage.tables import metadata, text_list, time_column

additions = Table(
    "additions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("platform", Text, nullable=False),
    Column("workspace", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    # One of both: where to fetch the file, or its key in the blob store.
    Column("url", Text),
    Column("upload", Text),
    Column("file_name", Text, nullable=False, server_default=""),
    # For everybody, or for the workspace alone.
    Column("everybody", Boolean, nullable=False, server_default=sql("false")),
    Column("title", Text),
    Column("description", Text, nullable=False, server_default=""),
    text_list("trigger_words"),
    Column("weight", Float),
    # What the source says of the file, in the shape of a card.
    Column("found", JSONB(none_as_null=True)),
    Column("state", Text, nullable=False, server_default="waiting"),
    # Raised with every claim: a late result of an older claim is refused.
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("tries", SmallInteger, nullable=False, server_default="0"),
    Column("sentence", Text),
    Column("adapter_id", Text, ForeignKey("stylus.adapters.id", ondelete="SET NULL")),
    Column("decided_by", Text),
    # How much of the file is here while it is fetched, and how much its server announces.
    Column("fetched_bytes", BigInteger),
    Column("total_bytes", BigInteger),
    # The message that shows how it goes, where there is one; and whether it shows the end.
    Column("message_id", Text),
    Column("told", Boolean, nullable=False, server_default=sql("false")),
    time_column("created_at", now=True),
    time_column("finished_at"),
    Index("ix_additions_place", "platform", "workspace", "state"),
)

# What somebody looks through: buttons carry the id and the page.
listings = Table(
    "listings",
    metadata,
    Column("id", Text, primary_key=True),
    Column("platform", Text, nullable=False),
    Column("workspace", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    # What was searched for; empty: everything is listed.
    Column("words", Text, nullable=False, server_default=""),
    # Filters that were chosen, such as "status=active".
    text_list("chosen"),
    time_column("created_at", now=True),
)
