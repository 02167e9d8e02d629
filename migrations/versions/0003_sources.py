"""The picture that a request starts from."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "requests",
        sa.Column("source", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        schema="stylus",
    )


def downgrade() -> None:
    op.drop_column("requests", "source", schema="stylus")
