"""What a refiner, an admin and our own renders say of an adapter; files fetched for a prompt."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def _columns() -> list[sa.Column[object]]:
    return [
        sa.Column("refined", JSONB),
        sa.Column("edited", JSONB, nullable=False, server_default=sa.text("'{}'")),
        sa.Column("notes", sa.Text, nullable=False, server_default=""),
        sa.Column("lineage", sa.Text, nullable=False, server_default=""),
        sa.Column("sample", sa.Text),
        sa.Column("measured", JSONB),
        sa.Column("broken", sa.Boolean, nullable=False, server_default=sa.text("false")),
        sa.Column("fetched_at", sa.DateTime(timezone=True)),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.Column("file_bytes", sa.BigInteger),
    ]


def upgrade() -> None:
    for column in _columns():
        op.add_column("adapters", column, schema="stylus")
    op.create_index(
        "ix_adapters_fetched",
        "adapters",
        ["used_at"],
        schema="stylus",
        postgresql_where=sa.text("fetched_at is not null"),
    )
    op.add_column("additions", sa.Column("found", JSONB), schema="stylus")


def downgrade() -> None:
    op.drop_column("additions", "found", schema="stylus")
    op.drop_index("ix_adapters_fetched", "adapters", schema="stylus")
    for column in reversed(_columns()):
        op.drop_column("adapters", str(column.name), schema="stylus")
