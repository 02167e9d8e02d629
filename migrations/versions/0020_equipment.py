"""What renderers have: device, memory, checkpoints and adapters."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    equipment = sa.Column("equipment", JSONB, nullable=False, server_default=sa.text("'{}'"))
    op.add_column("workers", equipment, schema="stylus")


def downgrade() -> None:
    op.drop_column("workers", "equipment", schema="stylus")
