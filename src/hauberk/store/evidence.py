"""Signed evidence, found by the digest of its subject and its check.

>>> store = EvidenceStore.open(":memory:")
>>> store.find("sha256:" + "0" * 64, "attack.evasion")
[]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sqlalchemy import Engine, Row, Select, insert, select
from sqlalchemy.exc import IntegrityError

from ..core.canon import digest as digest_of
from ..core.errors import InputError
from ..core.nouns import Evidence, name_of
from .engine import connect, explained, url_of, writing
from .schema import bring_to_head
from .tables import EVIDENCE, SUBJECT


@dataclass(frozen=True)
class Stored:
    """An envelope as it was put, and what it was found by. digest: of the evidence, not of the envelope."""

    digest: str
    check: str
    finished: str
    expires: str
    envelope: bytes


class EvidenceStore:
    """Evidence that survives: what `put` has returned is on the disk. Safe for many processes and threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, path_or_url: Path | str) -> Self:
        """Open a store, and make or migrate it when needed.

        path_or_url: a file (its folder must exist) or a `postgresql://` URL.
        Raises InputError when it cannot be read or written, is damaged, is something else, or is newer.
        """
        engine = connect(url_of(path_or_url))
        try:
            with explained(engine):
                bring_to_head(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    def put(self, envelope: bytes, evidence: Evidence) -> str:
        """Keep a signed envelope with the evidence that `verify_evidence` read from it. Costs one disk sync.

        Returns the digest of the evidence. The same envelope again changes nothing.
        Raises InputError when it cannot be written; then nothing of it is kept.
        """
        name, digest = digest_of(envelope), name_of(evidence)
        row = {
            "envelope_digest": name,
            "digest": digest,
            "check_id": evidence.check,
            "finished": evidence.finished,
            "expires": evidence.expires,
            "envelope": envelope,
        }
        subjects = [{"subject": s, "envelope_digest": name} for s in sorted({s.digest for s in evidence.subjects})]
        with explained(self._engine):
            self._insert(name, row, subjects)
        return digest

    def find(self, subject: str, check: str | None = None) -> list[Stored]:
        """Everything about a subject (its digest), of one check or of all, the newest first.

        Newest: finished last; of those, put last. Expired evidence is found too.
        """
        query = _stored().join(SUBJECT, SUBJECT.c.envelope_digest == EVIDENCE.c.envelope_digest)
        query = query.where(SUBJECT.c.subject == subject)
        return self._all(query if check is None else query.where(EVIDENCE.c.check_id == check))

    def get(self, digest: str) -> Stored:
        """The evidence of that digest, in the envelope that was put last. Raises InputError when there is none."""
        found = self._all(_stored().where(EVIDENCE.c.digest == digest))
        if not found:
            raise InputError(f"no evidence {digest} in the store")
        return found[0]

    def close(self) -> None:
        """Let go of the database. A store that is not closed loses nothing."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _insert(self, name: str, row: Mapping[str, object], subjects: Sequence[Mapping[str, str]]) -> None:
        try:
            with writing(self._engine) as connection:
                connection.execute(insert(EVIDENCE), row)
                connection.execute(insert(SUBJECT), subjects)
        except IntegrityError:  # as it must be when this very envelope is there already
            if not self._has(name):
                raise

    def _has(self, name: str) -> bool:
        with self._engine.connect() as connection:
            found = connection.execute(select(EVIDENCE.c.id).where(EVIDENCE.c.envelope_digest == name))
            return found.first() is not None

    def _all(self, query: Select[tuple[str, str, str, str, bytes]]) -> list[Stored]:
        newest_first = query.order_by(EVIDENCE.c.finished.desc(), EVIDENCE.c.id.desc())
        with explained(self._engine), self._engine.connect() as connection:
            return [_read(row) for row in connection.execute(newest_first)]


def _stored() -> Select[tuple[str, str, str, str, bytes]]:
    c = EVIDENCE.c
    return select(c.digest, c.check_id, c.finished, c.expires, c.envelope)


def _read(row: Row[tuple[str, str, str, str, bytes]]) -> Stored:
    return Stored(row.digest, row.check_id, row.finished, row.expires, bytes(row.envelope))
