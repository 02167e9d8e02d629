"""Indexes for the nearest vectors of the local embedder, used once a catalogue is large."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for field in ("heading", "body"):
        op.execute(
            f"create index ix_adapter_vectors_{field} on stylus.adapter_vectors"
            f" using hnsw (({field}::public.halfvec(384)) public.halfvec_cosine_ops)"
            " where embedder = 'all-MiniLM-L6-v2'"
        )


def downgrade() -> None:
    for field in ("heading", "body"):
        op.execute(f"drop index stylus.ix_adapter_vectors_{field}")
