"""A duel has two deliveries: its images, and its result."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "deliveries",
        sa.Column("part", sa.Text(), server_default="answer", nullable=False),
        schema="stylus",
    )
    op.drop_constraint("pk_deliveries", "deliveries", schema="stylus")
    op.create_primary_key("pk_deliveries", "deliveries", ["request_id", "part"], schema="stylus")


def downgrade() -> None:
    op.execute("delete from stylus.deliveries where part <> 'answer'")
    op.drop_constraint("pk_deliveries", "deliveries", schema="stylus")
    op.create_primary_key("pk_deliveries", "deliveries", ["request_id"], schema="stylus")
    op.drop_column("deliveries", "part", schema="stylus")
