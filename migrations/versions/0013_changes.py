"""An index that finds the adapters that changed lately."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_adapters_updated_at", "adapters", ["updated_at"], schema="stylus")


def downgrade() -> None:
    op.drop_index("ix_adapters_updated_at", "adapters", schema="stylus")
