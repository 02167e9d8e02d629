"""The tables of chats: which message shows which request, and what people and admins decided.

A platform's ids are kept as text, and nothing here is looked up without the platform.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from engine.storage.tables import metadata, text_list, time_column


def _request_column(*, primary_key: bool = False) -> Column[str]:
    key = ForeignKey("stylus.requests.id", ondelete="CASCADE")
    return Column("request_id", Text, key, primary_key=primary_key, nullable=False)


# One row for each request asked in a chat: the message that shows its progress and its answer.
homes = Table(
    "homes",
    metadata,
    _request_column(primary_key=True),
    # Only the asker may see the answer.
    Column("private", Boolean, nullable=False, server_default=text("false")),
    # Whether the bot itself may post in the channel; if not, only the token reaches it.
    Column("direct", Boolean, nullable=False, server_default=text("true")),
    # The message this one answers.
    Column("reply_to", Text),
    # Null until the platform has told it.
    Column("message_id", Text),
    # What lets us change the message without the bot's own rights, for some minutes.
    Column("token", Text),
    time_column("token_until"),
    # The language of the person who asked.
    Column("locale", Text, nullable=False, server_default=""),
    # Bytes that a file may have there.
    Column("file_limit", BigInteger),
    # The platform's own ids of the files that show its images, where it has such.
    text_list("files"),
)

# Every message that shows a request, copies included: reactions come with a message id only.
messages = Table(
    "messages",
    metadata,
    Column("platform", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    _request_column(),
    time_column("created_at", now=True),
    PrimaryKeyConstraint("platform", "channel", "message_id"),
    Index("ix_messages_request_id", "request_id"),
)

# Events that ask for something without leaving a request, so that one coming twice counts once.
events = Table(
    "events",
    metadata,
    Column("platform", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    time_column("seen_at", now=True),
    PrimaryKeyConstraint("platform", "event_id"),
)

# What an event asks for and is done after its acknowledgement; a row goes once that is done.
errands = Table(
    "errands",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("platform", Text, nullable=False),
    Column("workspace", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("details", JSONB, nullable=False),
    # How often it was begun.
    Column("tries", SmallInteger, nullable=False, server_default=text("0")),
    time_column("due_at", now=True),
    Index("ix_errands_due", "platform", "due_at"),
)

# One vote a person and duel, for the image of that index.
duel_votes = Table(
    "duel_votes",
    metadata,
    _request_column(),
    Column("user_id", Text, nullable=False),
    Column("image", SmallInteger, nullable=False),
    time_column("created_at", now=True),
    PrimaryKeyConstraint("request_id", "user_id"),
)

# Thumbs: one a person and request, with the adapters that made its images.
feedback = Table(
    "feedback",
    metadata,
    _request_column(),
    Column("user_id", Text, nullable=False),
    # 1 or -1.
    Column("verdict", SmallInteger, nullable=False),
    # Sorted adapter ids, all that were on in any image.
    text_list("adapters"),
    time_column("created_at", now=True),
    PrimaryKeyConstraint("request_id", "user_id"),
    Index("ix_feedback_adapters", "adapters"),
)

# Answers that somebody put into the workspace's gallery.
stars = Table(
    "stars",
    metadata,
    _request_column(),
    Column("user_id", Text, nullable=False),
    time_column("created_at", now=True),
    PrimaryKeyConstraint("request_id", "user_id"),
)

# What a workspace's admins chose, in the shape of `engine.community.workspaces.Rules`.
workspaces = Table(
    "workspaces",
    metadata,
    Column("platform", Text, nullable=False),
    Column("workspace", Text, nullable=False),
    Column("rules", JSONB, nullable=False, server_default=text("'{}'")),
    time_column("updated_at", now=True),
    PrimaryKeyConstraint("platform", "workspace"),
)

# The workspaces that an app was added to by its own page, with what lets it act there.
installations = Table(
    "installations",
    metadata,
    Column("platform", Text, nullable=False),
    Column("workspace", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("bot_user", Text, nullable=False),
    Column("bot_id", Text, nullable=False),
    # Never in plain: `engine.storage.sealing`.
    Column("sealed_token", LargeBinary, nullable=False),
    # Where tokens end: when, and what buys the next one.
    Column("sealed_refresh", LargeBinary),
    time_column("expires_at"),
    time_column("installed_at", now=True),
    PrimaryKeyConstraint("platform", "workspace"),
)

# Who changed what, kept for good.
audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("platform", Text, nullable=False),
    Column("workspace", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("details", JSONB, nullable=False, server_default=text("'{}'")),
    time_column("at", now=True),
    Index("ix_audit_workspace", "platform", "workspace", "at"),
)
