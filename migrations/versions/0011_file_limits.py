"""Homes know how large a file may be there."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("homes", sa.Column("file_limit", sa.BigInteger()), schema="stylus")


def downgrade() -> None:
    op.drop_column("homes", "file_limit", schema="stylus")
