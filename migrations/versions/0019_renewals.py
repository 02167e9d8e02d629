"""Tokens that end: when, and what Slack gives the next one for."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("sealed_refresh", sa.LargeBinary(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
    ):
        op.add_column("installations", column, schema="stylus")


def downgrade() -> None:
    for name in ("expires_at", "sealed_refresh"):
        op.drop_column("installations", name, schema="stylus")
