"""The dossier: a folder that a person reads and a machine verifies.

    dossier/
    ├── report.html · report.md · report.json · report.sarif · junit.xml
    ├── evidence/<check>.json     one signed attestation a check (DSSE over an in-toto Statement)
    ├── dossier.json              subjects, facts, what was not tested
    └── manifest.json             signed last: the digest of every other file

A dossier without its manifest is not finished and does not verify.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hauberk.artifact.manifest import subject
from hauberk.core.canon import canonical, digest, parse_json
from hauberk.core.codec import decode, encode
from hauberk.core.errors import InputError, VerificationError
from hauberk.core.nouns import Dossier, Evidence, Verified
from hauberk.core.ports import Clock
from hauberk.crypto.attest import (
    DOSSIER,
    Resource,
    Statement,
    sign_evidence,
    sign_statement,
    verify_evidence,
    verify_statement,
)
from hauberk.crypto.keys import PrivateKey, PublicKey
from hauberk.report.formats import render

from .checks import CHECKS

if TYPE_CHECKING:
    from hauberk.store.evidence import EvidenceStore

MANIFEST, RECORD, EVIDENCE = "manifest.json", "dossier.json", "evidence"
REPORTS = {
    "report.html": "html",
    "report.json": "json",
    "report.sarif": "sarif",
    "report.md": "md",
    "junit.xml": "junit",
}
MAX_FILE_BYTES = 1 << 30


class Folder:
    """A dossier being written. Every file appears whole or not at all; the manifest comes last."""

    def __init__(self, path: Path, key: PrivateKey, store: EvidenceStore, clock: Clock) -> None:
        self.path, self._key, self._store, self._clock = path, key, store, clock
        self.signer = key.key_id
        _prepare(path)

    def put(self, evidence: Evidence, *, final: bool) -> None:
        """Sign; keep in the store when final; write evidence/<check>.json."""
        envelope = sign_evidence(evidence, self._key)
        if final:
            self._store.put(envelope, evidence)
        _write(self.path / EVIDENCE / f"{evidence.check}.json", envelope)

    def proven(self, check: str, subject: str) -> Iterator[Evidence]:
        """Evidence from the store that our own key signed and that has not expired, newest first."""
        for stored in self._store.find(subject, check):
            try:
                yield verify_evidence(stored.envelope, [self._key.public], now=self._clock.now()).evidence
            except VerificationError:
                continue  # another key's, or expired: it proves nothing here

    def close(self, dossier: Dossier) -> None:
        """Write the reports and the record, then sign the manifest over everything."""
        for name, form in REPORTS.items():
            _write(self.path / name, render(form, dossier).encode())
        _write(self.path / RECORD, canonical(encode(replace(dossier, evidence=()))))
        files = tuple(Resource(name, digest(_read(self.path, name))) for name in _files(self.path))
        statement = Statement(files, DOSSIER, {"name": dossier.name, "created": dossier.created})
        _write(self.path / MANIFEST, sign_statement(statement, self._key))


@dataclass(frozen=True)
class Checked:
    """A dossier that verified, the evidence in it with its signers, and which subjects' bytes were compared."""

    dossier: Dossier
    verified: tuple[Verified, ...]
    compared: tuple[str, ...]


def verify(
    path: Path, keys: Sequence[PublicKey], *, now: datetime, model: Path | None = None
) -> Checked:
    """Verify a dossier as an outsider, step by step. Raises VerificationError with the reason it does not hold.

    model: the file or folder to compare with the digest that the evidence is about.
    """
    # (1) The manifest is signed by one of the keys.
    signed = verify_statement(_read(path, MANIFEST), keys, predicate_type=DOSSIER)
    listed = {resource.name: resource.digest for resource in signed.statement.subjects}
    # (2) The folder holds the listed files, all of them and no others, byte for byte.
    contents = _contents(path, listed)
    # (3) Each piece of evidence is signed, unexpired and about one of the dossier's subjects.
    record = decode(Dossier, parse_json(contents[RECORD], what=RECORD))
    verified = tuple(
        verify_evidence(content, keys, now=now)
        for name, content in contents.items()
        if name.startswith(f"{EVIDENCE}/")
    )
    known = {s.digest for s in record.subjects.values()}
    for item in verified:
        if not known & {s.digest for s in item.evidence.subjects}:
            raise VerificationError(f"{item.evidence.check}: is about another subject", reason="other-subject")
    # (4) The model in hand is the model that was looked at.
    compared = _compare(record, model)
    order = {name: i for i, name in enumerate(CHECKS.ids())}
    verified = tuple(sorted(verified, key=lambda v: order.get(v.evidence.check, len(order))))
    return Checked(replace(record, evidence=tuple(v.evidence for v in verified)), verified, compared)


def _contents(path: Path, listed: dict[str, str]) -> dict[str, bytes]:
    there = _files(path)
    for name in sorted(set(listed) - set(there)):
        raise VerificationError(f"{name}: is in the manifest but not in the dossier", reason="missing-file")
    for name in sorted(set(there) - set(listed)):
        raise VerificationError(f"{name}: is in the dossier but not in the manifest", reason="unlisted-file")
    contents = {name: _read(path, name) for name in there}
    for name, content in contents.items():
        if digest(content) != listed[name]:
            raise VerificationError(
                f"{name}: digest is {digest(content)}, the manifest says {listed[name]}", reason="altered-file"
            )
    return contents


def _compare(record: Dossier, model: Path | None) -> tuple[str, ...]:
    if model is None:
        return ()
    found, expected = subject(model), record.subjects["model"]
    if found.digest != expected.digest:
        raise VerificationError(
            f"{model.name}: digest is {found.digest}, the dossier is about {expected.digest}",
            reason="other-model",
            hint="this is not the file that was audited: get the audited one, or audit this one",
        )
    return ("model",)


def _prepare(path: Path) -> None:
    """Make the folder, or empty one that is a dossier already. Raises InputError for any other folder."""
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: is not a folder", hint="give another --output")
    (path / EVIDENCE).mkdir(parents=True, exist_ok=True)
    ours = {MANIFEST, RECORD, *REPORTS}
    names = [p.name for p in path.iterdir() if p.name != EVIDENCE]
    if foreign := sorted(set(names) - ours - {f".{name}.part" for name in ours}):
        raise InputError(f"{path}: holds {foreign[0]!r}, so it is not a dossier", hint="give another --output")
    (path / MANIFEST).unlink(missing_ok=True)  # first: a half-replaced dossier must not verify
    for old in [path / name for name in names] + list((path / EVIDENCE).iterdir()):
        old.unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    with open(part, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def _files(path: Path) -> list[str]:
    """Every file below the folder, as sorted POSIX paths. Raises VerificationError for links and devices."""
    found = []
    for root, folders, names in os.walk(path):
        for name in (*names, *(f for f in folders if os.path.islink(os.path.join(root, f)))):
            relative = Path(root, name).relative_to(path).as_posix()
            if not stat.S_ISREG(os.lstat(path / relative).st_mode):
                raise VerificationError(f"{relative}: is not a regular file", reason="unlisted-file")
            found.append(relative)
    return sorted(name for name in found if name != MANIFEST)


def _read(path: Path, name: str) -> bytes:
    try:
        with open(path / name, "rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: has no {name}, so it is no finished dossier", hint="give the folder that `hauberk audit` wrote"
        ) from error
    if len(content) > MAX_FILE_BYTES:
        raise InputError(f"{name}: larger than {MAX_FILE_BYTES} bytes")
    return content
