"""A baseline: findings that somebody answers for, until a day. It is a TOML file that belongs into version control.

    [[accept]]
    fingerprint = "sha256:…"                       # of the finding: rule + digest of the model + place
    rule = "artifact.pickle.unknown"               # for people; the fingerprint counts
    place = "model.pt#opcode 12"
    owner = "ana@example.org"
    reason = "our own preprocessing class, reviewed"
    expires = 2027-03-01

    [[allow]]
    name = "ourlib.features.Scaler"                # a class or function, in any model, as with --allow
    owner = "ana@example.org"
    reason = "holds two numbers"
    expires = 2027-03-01

A finding is bound to the digest of the very model: another file of the same name brings its findings back. An accepted
finding stays in the evidence, as a note that names its owner; after its day it counts again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ..core.canon import Json, canonical, digest
from ..core.errors import InputError
from ..core.nouns import Evidence, Severity, Skipped

KEYS = ("fingerprint", "owner", "reason", "expires")


@dataclass(frozen=True)
class Accepted:
    """Who answers for a finding, why, and until when (that day included)."""

    fingerprint: str
    owner: str
    reason: str
    expires: date

    def said(self, today: date) -> str:
        """What a report says of it."""
        verb = "accepted" if today <= self.expires else "no longer accepted"
        return f"{verb} by {self.owner} until {self.expires.isoformat()} ({self.reason})"

    @property
    def plain(self) -> dict[str, Json]:
        """As a parameter of a check."""
        return {key: str(getattr(self, key)) for key in KEYS}


def fingerprint_of(gap: Skipped, subject: str) -> str:
    """The identity of a part that was not read, over time: what it is, and of which model."""
    return digest(canonical(["skipped", subject, gap.what]))


@dataclass(frozen=True)
class Baseline:
    """A file of them. allow: (name, until when) of callables that may be met in any model."""

    accept: tuple[Accepted, ...] = ()
    allow: tuple[tuple[str, date], ...] = ()

    def allowed(self, today: date) -> tuple[str, ...]:
        """The names that are allowed today."""
        return tuple(name for name, expires in self.allow if today <= expires)


def read(path: Path) -> Baseline:
    """A baseline from its file. Raises InputError for whatever is missing, unknown or no date."""
    import tomllib  # only here: most scans have no baseline

    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}", hint="`hauberk scan --write-baseline` writes one") from error
    tables = {key: document.get(key, []) for key in ("accept", "allow")}
    if set(document) - set(tables) or not all(isinstance(rows, list) for rows in tables.values()):
        raise InputError(f"{path}: holds something else than [[accept]] and [[allow]] tables")
    accept = (entry(row, f"{path}: accept {i}") for i, row in enumerate(tables["accept"], 1))
    named = (entry(row, f"{path}: allow {i}", "name") for i, row in enumerate(tables["allow"], 1))
    return Baseline(tuple(accept), tuple((one.fingerprint, one.expires) for one in named))


def entry(row: object, where: str, what: str = "fingerprint") -> Accepted:
    """One acceptance from plain values. Raises InputError that names `where`."""
    keys = (what, *KEYS[1:])
    if not isinstance(row, Mapping):
        raise InputError(f"{where} is not a table")
    if missing := [key for key in keys if not row.get(key)]:
        hint = "owner, reason and expires keep a baseline from growing old"
        raise InputError(f"{where} lacks {missing[0]}", hint=hint)
    if unknown := sorted(set(row) - {*keys, "rule", "place"}):
        raise InputError(f"{where} has an unknown key {unknown[0]!r}")
    try:
        expires = date.fromisoformat(str(row["expires"]))
    except ValueError as error:
        raise InputError(f"{where}: expires is not a day", hint="write 2027-03-01") from error
    return Accepted(str(row[what]), str(row["owner"]), str(row["reason"]), expires)


def written(evidence: Iterable[Evidence], owner: str, reason: str, expires: date) -> str:
    """A baseline that accepts every finding and every unread part of some evidence, worst first."""
    rows = []
    for one in evidence:
        names = {s.digest: s.name for s in one.subjects}
        for f in sorted(one.findings, key=lambda f: -f.severity.rank):
            if f.severity is not Severity.INFO:
                rows.append((f.fingerprint, f.rule, f"{names[f.subject]}#{f.place}"))
        rows += [(fingerprint_of(gap, next(iter(names))), "not read", gap.what) for gap in one.skipped]
    return "# Findings that somebody answers for; see `hauberk scan --help`.\n" + "".join(
        f"\n[[accept]]\nfingerprint = {_quoted(fingerprint)}\nrule = {_quoted(rule)}\nplace = {_quoted(place)}\n"
        f"owner = {_quoted(owner)}\nreason = {_quoted(reason)}\nexpires = {expires.isoformat()}\n"
        for fingerprint, rule, place in rows
    )


def _quoted(text: str) -> str:
    """A TOML string; those of JSON are, but for the one control character that JSON lets through."""
    return json.dumps(text).replace("\x7f", "\\u007f")
