"""What plans need of a renderer, and images that count on though their requests are forgotten."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    needs = sa.Column("needs", sa.SmallInteger, nullable=False, server_default="1")
    op.add_column("requests", needs, schema="stylus")
    op.create_table(
        "spent_images",
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("salt", sa.Text, nullable=False),
        sa.Column("images", sa.SmallInteger, nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        schema="stylus",
    )
    op.create_index("ix_spent_images_until", "spent_images", ["until"], schema="stylus")


def downgrade() -> None:
    op.drop_table("spent_images", schema="stylus")
    op.drop_column("requests", "needs", schema="stylus")
