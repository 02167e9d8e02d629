"""Words of cards in fields of their own, how rare each is, and whom a card depicts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

FIELDS = ("names", "triggers", "prose")


def upgrade() -> None:
    add_subjects()
    drop_old_indexes()
    add_word_fields()
    create_adapter_words()
    fill_word_fields()


def downgrade() -> None:
    op.drop_table("adapter_words", schema="stylus")
    for field in FIELDS:
        op.drop_index(f"ix_adapter_texts_{field}", "adapter_texts", schema="stylus")
        op.drop_column("adapter_texts", field, schema="stylus")
    for field in ("heading", "body"):
        op.create_index(
            f"ix_adapter_texts_{field}",
            "adapter_texts",
            [sa.literal_column(f"to_tsvector('english'::regconfig, {field})")],
            schema="stylus",
            postgresql_using="gin",
        )
    op.drop_column("adapters", "names", schema="stylus")
    op.drop_column("adapters", "kind", schema="stylus")


def add_subjects() -> None:
    kind = sa.Column("kind", sa.Text(), server_default="", nullable=False)
    names: sa.Column[list[str]] = sa.Column(
        "names", postgresql.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False
    )
    op.add_column("adapters", kind, schema="stylus")
    op.add_column("adapters", names, schema="stylus")


def drop_old_indexes() -> None:
    for field in ("heading", "body"):
        op.drop_index(f"ix_adapter_texts_{field}", "adapter_texts", schema="stylus")


def add_word_fields() -> None:
    for field in FIELDS:
        op.add_column(
            "adapter_texts",
            sa.Column(field, postgresql.TSVECTOR(), server_default=sa.text("''"), nullable=False),
            schema="stylus",
        )
        op.create_index(
            f"ix_adapter_texts_{field}",
            "adapter_texts",
            [field],
            schema="stylus",
            postgresql_using="gin",
        )


def create_adapter_words() -> None:
    op.create_table(
        "adapter_words",
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("cards", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("word", name=op.f("pk_adapter_words")),
        schema="stylus",
    )


def fill_word_fields() -> None:
    """Cards that are there already are found by their words at once.

    An empty digest has them embedded anew, since what is embedded of a card has changed.
    """
    op.execute(
        """
        update stylus.adapter_texts t set
            digest = '',
            names = to_tsvector('english', a.title || ' ' || array_to_string(a.tags, ' ')),
            triggers = to_tsvector('english', array_to_string(a.trigger_words, ' ')),
            prose = to_tsvector('english', left(a.description, 600))
        from stylus.adapters a where a.id = t.adapter_id
        """
    )
