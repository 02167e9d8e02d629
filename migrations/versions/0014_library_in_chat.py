"""The library in chats: progress of additions, pages of lists, ranges of weights, uses."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("fetched_bytes", "total_bytes"):
        op.add_column("additions", sa.Column(name, sa.BigInteger), schema="stylus")
    told = sa.Column("told", sa.Boolean, nullable=False, server_default=sa.text("false"))
    op.add_column("additions", told, schema="stylus")
    # Until now a message was posted only once a check had ended.
    op.execute("update stylus.additions set told = true where message_id is not null")
    for name in ("weight_low", "weight_high"):
        op.add_column("adapters", sa.Column(name, sa.Float), schema="stylus")
    op.execute("create index ix_adapters_handle on stylus.adapters (md5(id))")
    op.execute("create index ix_adapters_newest on stylus.adapters (created_at desc, id)")
    op.execute(
        "create index ix_renderings_loaded on stylus.renderings using gin ((rendering -> 'loaded'))"
    )
    op.create_table(
        "listings",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("platform", sa.Text, nullable=False),
        sa.Column("workspace", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("words", sa.Text, nullable=False, server_default=""),
        sa.Column("chosen", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.text("now()"),
        ),
        schema="stylus",
    )


def downgrade() -> None:
    op.drop_table("listings", schema="stylus")
    for index in ("ix_renderings_loaded", "ix_adapters_newest", "ix_adapters_handle"):
        op.execute(f"drop index stylus.{index}")
    for name in ("weight_high", "weight_low"):
        op.drop_column("adapters", name, schema="stylus")
    for name in ("told", "total_bytes", "fetched_bytes"):
        op.drop_column("additions", name, schema="stylus")
