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
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hauberk.artifact.manifest import open_regular, subject
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
    """A dossier being written, in a hidden folder beside its own: it appears whole, when it is closed.

    An earlier dossier at `path` stays until then. Raises InputError when `path` is something else.
    """

    def __init__(self, path: Path, key: PrivateKey, store: EvidenceStore, clock: Clock) -> None:
        self._path, self._key, self._store, self._clock = path.absolute(), key, store, clock
        self.signer = key.key_id
        self._part = _prepare(self._path)

    def put(self, evidence: Evidence, *, final: bool) -> None:
        """Sign; keep in the store when final; write evidence/<check>.json."""
        envelope = sign_evidence(evidence, self._key)
        if final:
            self._store.put(envelope, evidence)
        (self._part / EVIDENCE / f"{evidence.check}.json").write_bytes(envelope)

    def proven(self, check: str, subject: str) -> Iterator[Evidence]:
        """Evidence from the store that our own key signed and that has not expired, newest first."""
        for stored in self._store.find(subject, check):
            try:
                yield verify_evidence(stored.envelope, [self._key.public], now=self._clock.now()).evidence
            except VerificationError:
                continue  # another key's, or expired: it proves nothing here

    def close(self, dossier: Dossier) -> None:
        """Write the reports and the record, sign the manifest over everything, and put the folder in its place."""
        for name, form in REPORTS.items():
            (self._part / name).write_text(render(form, dossier), "utf-8")
        (self._part / RECORD).write_bytes(canonical(encode(replace(dossier, evidence=()))))
        files = tuple(Resource(name, digest(_read(self._part, name))) for name in _files(self._part))
        statement = Statement(files, DOSSIER, {"name": dossier.name, "created": dossier.created})
        (self._part / MANIFEST).write_bytes(sign_statement(statement, self._key))
        old = self._path.with_name(f".{self._path.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if self._path.exists():
            self._path.rename(old)
        self._part.rename(self._path)
        shutil.rmtree(old, ignore_errors=True)


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
    # (3) Each piece of evidence is signed, valid now and about the dossier's subjects alone.
    if RECORD not in contents:
        raise VerificationError(f"{RECORD}: is not in the dossier", reason="missing-file")
    record = decode(Dossier, parse_json(contents[RECORD], what=RECORD))
    verified = tuple(
        verify_evidence(content, keys, now=now)
        for name, content in contents.items()
        if name.startswith(f"{EVIDENCE}/")
    )
    known = {s.digest for s in record.subjects.values()}
    for item in verified:
        if not {s.digest for s in item.evidence.subjects} <= known:
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


def _prepare(path: Path) -> Path:
    """An empty folder beside `path` to write in. Raises InputError when `path` is there and is no dossier."""
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: is not a folder", hint="give another --output")
    ours = {MANIFEST, RECORD, EVIDENCE, *REPORTS}
    if path.exists() and (foreign := sorted({p.name for p in path.iterdir()} - ours)):
        raise InputError(f"{path}: holds {foreign[0]!r}, so it is not a dossier", hint="give another --output")
    part = path.with_name(f".{path.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    (part / EVIDENCE).mkdir(parents=True)
    return part


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
    if not os.path.lexists(path / name):
        raise InputError(
            f"{path}: has no {name}, so it is no finished dossier", hint="give the folder that `hauberk audit` wrote"
        )
    with open(open_regular(path / name), "rb") as file:  # never waits on a pipe that poses as a file
        content = file.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise InputError(f"{name}: larger than {MAX_FILE_BYTES} bytes")
    return content
