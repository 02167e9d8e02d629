"""Catalogue, requests and the queue."""

from typing import Any

import pgvector.sqlalchemy
import sqlalchemy as sa
from alembic import op
from procrastinate.schema import SchemaManager
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_catalogue_and_requests()
    create_queue()


def downgrade() -> None:
    drop_queue()
    drop_catalogue_and_requests()


def create_queue() -> None:
    """Procrastinate's own schema, unqualified in its text, goes where the search path leads.

    It holds several statements and percent signs, so it goes to psycopg unprepared.
    """
    driver: Any = op.get_bind().connection.driver_connection
    op.execute("set local search_path to procrastinate, public")
    driver.execute(SchemaManager.get_schema())
    op.execute("reset search_path")


def drop_queue() -> None:
    op.execute("drop schema procrastinate cascade")
    op.execute("create schema procrastinate")


def create_catalogue_and_requests() -> None:
    create_adapters()
    create_requests()
    create_workers()
    create_adapter_texts()
    create_adapter_vectors()
    create_compositions()
    create_deliveries()
    create_image_plans()
    create_renderings()


def create_adapters() -> None:
    op.create_table(
        "adapters",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("workspace", sa.Text(), server_default="", nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "tags", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column(
            "trigger_words",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "example_prompts",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("rating", sa.Text(), server_default="safe", nullable=False),
        sa.Column("status", sa.Text(), server_default="active", nullable=False),
        sa.Column("sha256", sa.Text(), nullable=True),
        sa.Column("blob", sa.Text(), nullable=True),
        sa.Column("file_name", sa.Text(), nullable=True),
        sa.Column("link", sa.Text(), nullable=True),
        sa.Column("creator", sa.Text(), nullable=True),
        sa.Column("licence", sa.Text(), nullable=True),
        sa.Column(
            "card",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adapters")),
        schema="stylus",
    )
    op.create_index(
        "ix_adapters_selection",
        "adapters",
        ["base", "workspace", "status", "rating"],
        unique=False,
        schema="stylus",
    )
    op.create_index("ix_adapters_sha256", "adapters", ["sha256"], unique=False, schema="stylus")


def create_requests() -> None:
    op.create_table(
        "requests",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("negative", sa.Text(), nullable=False),
        sa.Column("image_count", sa.SmallInteger(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("sampling", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("overrides", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("parent_id", sa.Text(), nullable=True),
        sa.Column("parent_index", sa.SmallInteger(), nullable=True),
        sa.Column("root_id", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=True),
        sa.Column("phase", sa.Text(), server_default="queued", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tries", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column(
            "notes",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.Column("retrieve_seconds", sa.Float(), nullable=True),
        sa.Column("compose_seconds", sa.Float(), nullable=True),
        sa.Column("load_seconds", sa.Float(), nullable=True),
        sa.Column("render_seconds", sa.Float(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("composing_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rendering_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["stylus.requests.id"], name=op.f("fk_requests_parent_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requests")),
        sa.UniqueConstraint("platform", "origin", name="uq_requests_origin"),
        schema="stylus",
    )
    op.create_index(
        "ix_requests_asker",
        "requests",
        ["platform", "workspace", "user_id", "created_at"],
        unique=False,
        schema="stylus",
    )
    op.create_index(
        "ix_requests_open",
        "requests",
        ["phase"],
        unique=False,
        schema="stylus",
        postgresql_where=sa.text("phase not in ('rendered', 'failed', 'cancelled')"),
    )
    op.create_index("ix_requests_root_id", "requests", ["root_id"], unique=False, schema="stylus")


def create_workers() -> None:
    op.create_table(
        "workers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "queues", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_workers")),
        schema="stylus",
    )


def create_adapter_texts() -> None:
    op.create_table(
        "adapter_texts",
        sa.Column("adapter_id", sa.Text(), nullable=False),
        sa.Column("heading", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["adapter_id"],
            ["stylus.adapters.id"],
            name=op.f("fk_adapter_texts_adapter_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("adapter_id", name=op.f("pk_adapter_texts")),
        schema="stylus",
    )
    op.create_index(
        "ix_adapter_texts_body",
        "adapter_texts",
        [sa.literal_column("to_tsvector('english'::regconfig, body)")],
        unique=False,
        schema="stylus",
        postgresql_using="gin",
    )
    op.create_index(
        "ix_adapter_texts_heading",
        "adapter_texts",
        [sa.literal_column("to_tsvector('english'::regconfig, heading)")],
        unique=False,
        schema="stylus",
        postgresql_using="gin",
    )


def create_adapter_vectors() -> None:
    op.create_table(
        "adapter_vectors",
        sa.Column("adapter_id", sa.Text(), nullable=False),
        sa.Column("embedder", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("heading", pgvector.sqlalchemy.HALFVEC(), nullable=False),
        sa.Column("body", pgvector.sqlalchemy.HALFVEC(), nullable=False),
        sa.ForeignKeyConstraint(
            ["adapter_id"],
            ["stylus.adapters.id"],
            name=op.f("fk_adapter_vectors_adapter_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("embedder", "adapter_id", name=op.f("pk_adapter_vectors")),
        schema="stylus",
    )


def create_compositions() -> None:
    op.create_table(
        "compositions",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("composition", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("candidates", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["stylus.requests.id"],
            name=op.f("fk_compositions_request_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_compositions")),
        schema="stylus",
    )


def create_deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), server_default="wanted", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column(
            "wanted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("posting_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["stylus.requests.id"],
            name=op.f("fk_deliveries_request_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_deliveries")),
        schema="stylus",
    )
    op.create_index(
        "ix_deliveries_state", "deliveries", ["platform", "state"], unique=False, schema="stylus"
    )


def create_image_plans() -> None:
    op.create_table(
        "image_plans",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("index", sa.SmallInteger(), nullable=False),
        sa.Column(
            "mask", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("plan", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["stylus.requests.id"],
            name=op.f("fk_image_plans_request_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("request_id", "index", name=op.f("pk_image_plans")),
        schema="stylus",
    )


def create_renderings() -> None:
    op.create_table(
        "renderings",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("index", sa.SmallInteger(), nullable=False),
        sa.Column("rendering", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["stylus.requests.id"],
            name=op.f("fk_renderings_request_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("request_id", "index", name=op.f("pk_renderings")),
        schema="stylus",
    )


def drop_catalogue_and_requests() -> None:
    op.drop_table("renderings", schema="stylus")
    op.drop_table("image_plans", schema="stylus")
    op.drop_index("ix_deliveries_state", table_name="deliveries", schema="stylus")
    op.drop_table("deliveries", schema="stylus")
    op.drop_table("compositions", schema="stylus")
    op.drop_table("adapter_vectors", schema="stylus")
    op.drop_index(
        "ix_adapter_texts_heading",
        table_name="adapter_texts",
        schema="stylus",
        postgresql_using="gin",
    )
    op.drop_index(
        "ix_adapter_texts_body", table_name="adapter_texts", schema="stylus", postgresql_using="gin"
    )
    op.drop_table("adapter_texts", schema="stylus")
    op.drop_table("workers", schema="stylus")
    op.drop_index("ix_requests_root_id", table_name="requests", schema="stylus")
    op.drop_index(
        "ix_requests_open",
        table_name="requests",
        schema="stylus",
        postgresql_where=sa.text("phase not in ('rendered', 'failed', 'cancelled')"),
    )
    op.drop_index("ix_requests_asker", table_name="requests", schema="stylus")
    op.drop_table("requests", schema="stylus")
    op.drop_index("ix_adapters_sha256", table_name="adapters", schema="stylus")
    op.drop_index("ix_adapters_selection", table_name="adapters", schema="stylus")
    op.drop_table("adapters", schema="stylus")
