"""The newest finished requests are found at once."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_requests_finished_at", "requests", ["finished_at"], unique=False, schema="stylus"
    )


def downgrade() -> None:
    op.drop_index("ix_requests_finished_at", table_name="requests", schema="stylus")
