"""Requests know their asker's lane."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    lane = sa.Column("lane", sa.SmallInteger(), server_default="0", nullable=False)
    op.add_column("requests", lane, schema="stylus")


def downgrade() -> None:
    op.drop_column("requests", "lane", schema="stylus")
