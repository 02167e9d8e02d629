"""The tables of the library beside the catalogue's own: LoRAs on their way in."""

from sqlalchemy import Boolean, Column, Float, ForeignKey, Index, Integer, SmallInteger, Table, Text
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
    # The message that tells how the check went; null until one does.
    Column("message_id", Text),
    time_column("created_at", now=True),
    time_column("finished_at"),
    Index("ix_additions_place", "platform", "workspace", "state"),
)
