"""Messages of chats, feedback, stars, workspaces' rules and their audit log."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_audit()
    create_events()
    create_workspaces()
    create_feedback()
    create_homes()
    create_messages()
    create_stars()


def create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column(
            "details",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        schema="stylus",
    )
    op.create_index(
        "ix_audit_workspace",
        "audit",
        ["platform", "workspace", "at"],
        unique=False,
        schema="stylus",
    )


def create_events() -> None:
    op.create_table(
        "events",
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column(
            "seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("platform", "event_id", name=op.f("pk_events")),
        schema="stylus",
    )


def create_workspaces() -> None:
    op.create_table(
        "workspaces",
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column(
            "rules",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("platform", "workspace", name=op.f("pk_workspaces")),
        schema="stylus",
    )


def create_feedback() -> None:
    op.create_table(
        "feedback",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("verdict", sa.SmallInteger(), nullable=False),
        sa.Column(
            "adapters", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["stylus.requests.id"],
            name=op.f("fk_feedback_request_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("request_id", "user_id", name=op.f("pk_feedback")),
        schema="stylus",
    )
    op.create_index("ix_feedback_adapters", "feedback", ["adapters"], unique=False, schema="stylus")


def create_homes() -> None:
    op.create_table(
        "homes",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("private", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("direct", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("reply_to", sa.Text(), nullable=True),
        sa.Column("message_id", sa.Text(), nullable=True),
        sa.Column("token", sa.Text(), nullable=True),
        sa.Column("token_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("locale", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["stylus.requests.id"],
            name=op.f("fk_homes_request_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_homes")),
        schema="stylus",
    )


def create_messages() -> None:
    op.create_table(
        "messages",
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["stylus.requests.id"],
            name=op.f("fk_messages_request_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("platform", "channel", "message_id", name=op.f("pk_messages")),
        schema="stylus",
    )
    op.create_index(
        "ix_messages_request_id", "messages", ["request_id"], unique=False, schema="stylus"
    )


def create_stars() -> None:
    op.create_table(
        "stars",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["stylus.requests.id"],
            name=op.f("fk_stars_request_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("request_id", "user_id", name=op.f("pk_stars")),
        schema="stylus",
    )


def downgrade() -> None:
    op.drop_table("stars", schema="stylus")
    op.drop_index("ix_messages_request_id", table_name="messages", schema="stylus")
    op.drop_table("messages", schema="stylus")
    op.drop_table("homes", schema="stylus")
    op.drop_index("ix_feedback_adapters", table_name="feedback", schema="stylus")
    op.drop_table("feedback", schema="stylus")
    op.drop_table("workspaces", schema="stylus")
    op.drop_table("events", schema="stylus")
    op.drop_index("ix_audit_workspace", table_name="audit", schema="stylus")
    op.drop_table("audit", schema="stylus")
