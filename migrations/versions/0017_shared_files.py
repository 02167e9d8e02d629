"""Which files of the platform show a request's images."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    files: sa.Column[list[str]] = sa.Column(
        "files", ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
    )
    op.add_column("homes", files, schema="stylus")


def downgrade() -> None:
    op.drop_column("homes", "files", schema="stylus")
