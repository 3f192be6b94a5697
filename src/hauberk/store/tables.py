"""The tables, as the newest migration leaves them.

>>> sorted(METADATA.tables)
['evidence', 'evidence_subject']
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table

HEAD = "0001"
"""The newest migration: a database at this version is opened without loading Alembic."""

METADATA = MetaData()

# One row an envelope. The same evidence signed twice (a new key) is two rows with one `digest`.
EVIDENCE = Table(
    "evidence",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("envelope_digest", String(71), nullable=False, unique=True),
    Column("digest", String(71), nullable=False, index=True),
    Column("check_id", String, nullable=False),
    Column("finished", String(20), nullable=False),
    Column("expires", String(20), nullable=False),
    Column("envelope", LargeBinary, nullable=False),
)

# Which subjects (digests) a row of evidence is about.
SUBJECT = Table(
    "evidence_subject",
    METADATA,
    Column("subject", String(71), primary_key=True),
    Column("envelope_digest", String(71), ForeignKey("evidence.envelope_digest"), primary_key=True),
    Index("ix_evidence_subject_envelope_digest", "envelope_digest"),
)
