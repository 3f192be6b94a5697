"""Evidence, and the subjects that it is about."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the two tables."""
    op.create_table(
        "evidence",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("envelope_digest", sa.String(71), nullable=False, unique=True),
        sa.Column("digest", sa.String(71), nullable=False, index=True),
        sa.Column("check_id", sa.String, nullable=False),
        sa.Column("finished", sa.String(20), nullable=False),
        sa.Column("expires", sa.String(20), nullable=False),
        sa.Column("envelope", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "evidence_subject",
        sa.Column("subject", sa.String(71), primary_key=True),
        sa.Column(
            "envelope_digest", sa.String(71), sa.ForeignKey("evidence.envelope_digest"), primary_key=True
        ),
    )
    op.create_index("ix_evidence_subject_envelope_digest", "evidence_subject", ["envelope_digest"])


def downgrade() -> None:
    """Evidence is not thrown away: there is no way back."""
    raise NotImplementedError("the first migration is not undone")
