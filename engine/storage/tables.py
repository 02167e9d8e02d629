"""The tables. Our rows are the truth about a request, never the queue's job status.

Values that only travel (compositions, plans, renderings) are kept as JSON, in the shape of
`engine.values`; what is searched, filtered or compared has a column of its own.
"""

from pgvector.sqlalchemy import HALFVEC
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    cast,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR

#: Postgres schema of these tables; the queue's are in `QUEUE_SCHEMA`.
SCHEMA = "stylus"
QUEUE_SCHEMA = "procrastinate"
#: What every connection of ours searches.
SEARCH_PATH = f"{SCHEMA},{QUEUE_SCHEMA},public"

metadata = MetaData(
    schema=SCHEMA,
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    },
)


def time_column(name: str, *, now: bool = False) -> Column[object]:
    """Returns a column for a point in time, by default null or the present."""
    default = func.now() if now else None
    return Column(name, DateTime(timezone=True), nullable=not now, server_default=default)


def text_list(name: str) -> Column[list[str]]:
    """Returns a column for several texts, by default none."""
    return Column(name, ARRAY(Text), nullable=False, server_default=text("'{}'"))


adapters = Table(
    "adapters",
    metadata,
    Column("id", Text, primary_key=True),
    # Empty: every workspace may use it.
    Column("workspace", Text, nullable=False, server_default=""),
    Column("source", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    text_list("tags"),
    text_list("trigger_words"),
    text_list("example_prompts"),
    Column("base", Text, nullable=False),
    # Whom it depicts ('', 'character', 'person'), and the names that call for them.
    Column("kind", Text, nullable=False, server_default=""),
    text_list("names"),
    Column("weight", Float, nullable=False),
    # Between which weights it works, where somebody has said so.
    Column("weight_low", Float),
    Column("weight_high", Float),
    Column("rating", Text, nullable=False, server_default="safe"),
    Column("status", Text, nullable=False, server_default="active"),
    Column("sha256", Text),
    Column("blob", Text),
    Column("file_name", Text),
    Column("link", Text),
    Column("creator", Text),
    Column("licence", Text),
    # The card as it was imported, so that a better refiner can start over.
    Column("card", JSONB, nullable=False, server_default=text("'{}'")),
    # What a refiner made of it, and which one; then what admins wrote, which always wins.
    Column("refined", JSONB(none_as_null=True)),
    Column("edited", JSONB, nullable=False, server_default=text("'{}'")),
    # What admins note for each other.
    Column("notes", Text, nullable=False, server_default=""),
    # The finer kind of base model, such as "Pony", as its source has it; nothing is decided by it.
    Column("lineage", Text, nullable=False, server_default=""),
    # A sheet of images with and without it, what was measured on them, and whether it breaks them.
    Column("sample", Text),
    Column("measured", JSONB(none_as_null=True)),
    Column("broken", Boolean, nullable=False, server_default=text("false")),
    # Set where the file was fetched for a prompt, so that it may be evicted; and when it was used.
    time_column("fetched_at"),
    time_column("used_at"),
    Column("file_bytes", BigInteger),
    time_column("created_at", now=True),
    time_column("updated_at", now=True),
    Index("ix_adapters_selection", "base", "workspace", "status", "rating"),
    Index("ix_adapters_sha256", "sha256"),
    Index("ix_adapters_updated_at", "updated_at"),
    Index("ix_adapters_fetched", "used_at", postgresql_where=text("fetched_at is not null")),
    # By a name of fixed length, which a button can carry.
    Index("ix_adapters_handle", text("md5(id)")),
    Index("ix_adapters_newest", text("created_at desc"), "id"),
)

# What is searched of a card. The three fields of words weigh differently in a lexical match.
adapter_texts = Table(
    "adapter_texts",
    metadata,
    Column(
        "adapter_id",
        Text,
        ForeignKey("stylus.adapters.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("heading", Text, nullable=False),
    Column("body", Text, nullable=False),
    # Hash of both: tells whether a card has to be embedded again.
    Column("digest", Text, nullable=False),
    # Words of title and tags, of the trigger words, and of the description.
    Column("names", TSVECTOR, nullable=False, server_default=text("''")),
    Column("triggers", TSVECTOR, nullable=False, server_default=text("''")),
    Column("prose", TSVECTOR, nullable=False, server_default=text("''")),
    # New rows at their places at once, and not on a list that every search reads first.
    *(
        Index(
            f"ix_adapter_texts_{field}",
            field,
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
        )
        for field in ("names", "triggers", "prose")
    ),
)

# In how many cards a word stands: a rare one tells more. The row of the word '' counts the cards.
adapter_words = Table(
    "adapter_words",
    metadata,
    Column("word", Text, primary_key=True),
    Column("cards", Integer, nullable=False),
)

# Vectors of several embedders live side by side; their width is the embedder's.
adapter_vectors = Table(
    "adapter_vectors",
    metadata,
    Column("adapter_id", Text, ForeignKey("stylus.adapters.id", ondelete="CASCADE")),
    Column("embedder", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("heading", HALFVEC(), nullable=False),
    Column("body", HALFVEC(), nullable=False),
    PrimaryKeyConstraint("embedder", "adapter_id"),
)

for _name in ("heading", "body"):
    Index(
        f"ix_adapter_vectors_{_name}",
        cast(adapter_vectors.c[_name], HALFVEC(384)).label("near"),
        postgresql_using="hnsw",
        postgresql_ops={"near": "halfvec_cosine_ops"},
        postgresql_where=text("embedder = 'all-MiniLM-L6-v2'"),
    )

requests = Table(
    "requests",
    metadata,
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("prompt", Text, nullable=False),
    Column("negative", Text, nullable=False),
    Column("image_count", SmallInteger, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("sampling", JSONB, nullable=False),
    Column("overrides", JSONB, nullable=False),
    # The picture that it starts from, where there is one.
    Column("source", JSONB(none_as_null=True)),
    Column("parent_id", Text, ForeignKey("stylus.requests.id")),
    Column("parent_index", SmallInteger),
    Column("root_id", Text, nullable=False),
    Column("platform", Text, nullable=False),
    Column("workspace", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    # What a frontend was asked with, so that an event that comes twice is stored once.
    Column("origin", Text),
    # By how many rounds it is served before others: its asker's role.
    Column("lane", SmallInteger, nullable=False, server_default="0"),
    Column("phase", Text, nullable=False, server_default="queued"),
    # Raised with every claim of a stage: a late result of an older claim is refused.
    Column("attempt", Integer, nullable=False, server_default="0"),
    # Claims of the present stage.
    Column("tries", SmallInteger, nullable=False, server_default="0"),
    # Which renderers can render its plans: see `engine.plan.PLANS`.
    Column("needs", SmallInteger, nullable=False, server_default="1"),
    Column("failure", Text),
    Column("notes", JSONB, nullable=False, server_default=text("'[]'")),
    Column("retrieve_seconds", Float),
    Column("compose_seconds", Float),
    Column("load_seconds", Float),
    Column("render_seconds", Float),
    time_column("created_at", now=True),
    time_column("composing_at"),
    time_column("planned_at"),
    time_column("rendering_at"),
    time_column("finished_at"),
    UniqueConstraint("platform", "origin", name="uq_requests_origin"),
    Index("ix_requests_root_id", "root_id"),
    Index("ix_requests_finished_at", "finished_at"),
    Index("ix_requests_asker", "platform", "workspace", "user_id", "created_at"),
    Index(
        "ix_requests_open",
        "phase",
        postgresql_where=text("phase not in ('rendered', 'failed', 'cancelled')"),
    ),
)

# Images of people who had everything removed: they count against the quota for the rest of their
# day, under a salted hash of platform, workspace and person.
spent_images = Table(
    "spent_images",
    metadata,
    Column("who", Text, nullable=False),
    Column("salt", Text, nullable=False),
    Column("images", SmallInteger, nullable=False),
    Column("until", DateTime(timezone=True), nullable=False),
    Index("ix_spent_images_until", "until"),
)

compositions = Table(
    "compositions",
    metadata,
    Column(
        "request_id",
        Text,
        ForeignKey("stylus.requests.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("composition", JSONB, nullable=False),
    # Adapter ids and scores, best first.
    Column("candidates", JSONB, nullable=False),
)

image_plans = Table(
    "image_plans",
    metadata,
    Column("request_id", Text, ForeignKey("stylus.requests.id", ondelete="CASCADE")),
    Column("index", SmallInteger),
    # Sorted adapter ids: rerolls ask which masks a line of requests has used.
    text_list("mask"),
    Column("plan", JSONB, nullable=False),
    PrimaryKeyConstraint("request_id", "index"),
)

renderings = Table(
    "renderings",
    metadata,
    Column("request_id", Text, ForeignKey("stylus.requests.id", ondelete="CASCADE")),
    Column("index", SmallInteger),
    Column("rendering", JSONB, nullable=False),
    PrimaryKeyConstraint("request_id", "index"),
    Index("ix_renderings_loaded", text("(rendering -> 'loaded')"), postgresql_using="gin"),
)

# What images under way look like so far; gone when the request ends.
previews = Table(
    "previews",
    metadata,
    Column(
        "request_id",
        Text,
        ForeignKey("stylus.requests.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("image", LargeBinary, nullable=False),
)

# One row for all that a frontend must post: wanted -> posting -> posted | undeliverable.
deliveries = Table(
    "deliveries",
    metadata,
    Column(
        "request_id",
        Text,
        ForeignKey("stylus.requests.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    # "answer"; for a duel later on "result"; for a copy "gallery C1" or "mail U1".
    Column("part", Text, primary_key=True, server_default="answer"),
    Column("platform", Text, nullable=False),
    Column("state", Text, nullable=False, server_default="wanted"),
    Column("attempt", Integer, nullable=False, server_default="0"),
    # Sent along with the message, so that posting twice is noticed.
    Column("nonce", Text, nullable=False),
    # The platform's id of the posted message.
    Column("message_id", Text),
    Column("failure", Text),
    time_column("wanted_at", now=True),
    time_column("posting_at"),
    time_column("posted_at"),
    Index("ix_deliveries_state", "platform", "state"),
)

workers = Table(
    "workers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("version", Text, nullable=False),
    Column("device", Text, nullable=False, server_default=""),
    text_list("queues"),
    # Device, memory, checkpoints and adapters, in the shape of `engine.values.Equipment`.
    Column("equipment", JSONB, nullable=False, server_default=text("'{}'")),
    time_column("started_at", now=True),
    time_column("seen_at", now=True),
)
