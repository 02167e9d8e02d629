"""LoRAs on their way into the library."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "additions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text()),
        sa.Column("upload", sa.Text()),
        sa.Column("file_name", sa.Text(), server_default="", nullable=False),
        sa.Column("everybody", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("title", sa.Text()),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "trigger_words",
            postgresql.ARRAY(sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("weight", sa.Float()),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tries", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("sentence", sa.Text()),
        sa.Column("adapter_id", sa.Text()),
        sa.Column("decided_by", sa.Text()),
        sa.Column("message_id", sa.Text()),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["adapter_id"],
            ["stylus.adapters.id"],
            name="fk_additions_adapter_id",
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_additions"),
        schema="stylus",
    )
    op.create_index(
        "ix_additions_place", "additions", ["platform", "workspace", "state"], schema="stylus"
    )


def downgrade() -> None:
    op.drop_table("additions", schema="stylus")
