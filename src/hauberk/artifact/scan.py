"""Scan a model's bytes for what loading it would do; and the Check `artifact.scan`.

>>> import pathlib, pickle, tempfile
>>> path = pathlib.Path(tempfile.mkdtemp()) / "m.pkl"
>>> _ = path.write_bytes(pickle.dumps({"weights": [1.0, 2.0]}))
>>> scan(path).verdict.value
'held'
"""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from ..core.canon import Json
from ..core.errors import InputError
from ..core.exhibits import Table
from ..core.limits import Limits
from ..core.notebook import Notebook
from ..core.nouns import Evidence, Finding, Measurement, Severity, Skipped, Verdict
from ..core.ports import Inputs, Need
from .manifest import Entry, Found, Manifest, files_of, identity, open_regular
from .route import walk_content
from .verdicts import BY_USER, Standing
from .walk import Seen, Walk

HASH_PIECE = 1 << 24
"""Bytes hashed between two looks at the progress bar."""
SHOWN_GLOBALS = 500


@dataclass(frozen=True)
class Scanned:
    """What a scan saw. manifest: of the very bytes that were read. formats: of each file and member.

    globals: every import and call in the model's programs, with its verdict.
    """

    manifest: Manifest
    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    formats: Mapping[str, str]
    globals: tuple[Seen, ...]

    @property
    def verdict(self) -> Verdict:
        """As of evidence: broken > inconclusive > held."""
        if any(f.severity is not Severity.INFO for f in self.findings):
            return Verdict.BROKEN
        return Verdict.INCONCLUSIVE if self.skipped else Verdict.HELD


def scan(path: Path, limits: Limits | None = None, allow: Iterable[str] = ()) -> Scanned:
    """Walk every file of a model, never loading any of it, and hash the same bytes.

    allow: exact dotted names (`lib.mod.Cls`) that the caller takes responsibility for; known gadgets stay refused.
    Costs one pass over the file for the hash; programs are walked at about a million opcodes a second.
    Raises InputError for a path that cannot be read; whatever is inside a file is a finding or a skip.
    """
    limits = limits or Limits()
    walk = Walk(limits, walk_content, allow)
    found = list(files_of(path, limits))
    walk.beside = frozenset(item.path for item in found)
    entries = tuple(_file(walk, item, limits) for item in found)
    walk.settle()
    if not entries:
        walk.skip(path.name, "the folder is empty")
    manifest = Manifest(path.is_dir(), entries)
    findings = tuple(
        Finding(f.rule, f.severity, manifest.digest, f.place, f.message, f.remedy, f.references) for f in walk.flaws
    )
    skipped = tuple(Skipped(what, why) for what, why in walk.skipped)
    return Scanned(manifest, findings, skipped, dict(walk.formats), tuple(walk.seen.values()))


def _file(walk: Walk, item: Found, limits: Limits) -> Entry:
    with _opened(item.location) as data:
        if len(data) > limits.max_file_bytes:
            walk.skip(item.path or "the file", f"{len(data)} bytes, the limit is {limits.max_file_bytes}")
        else:
            walk.depth = 0
            walk.enter(data, item.path)
        state = hashlib.sha256()
        for at in range(0, len(data), HASH_PIECE):
            state.update(data[at : at + HASH_PIECE])
        return Entry(item.path, len(data), "sha256:" + state.hexdigest())


@contextmanager
def _opened(path: Path) -> Iterator[memoryview]:
    """A file's bytes, mapped. Raises InputError if it is written to meanwhile."""
    fd = open_regular(path)
    try:
        before = identity(fd)
        if not before[2]:
            yield memoryview(b"")
            return
        yield memoryview(mmap.mmap(fd, 0, access=mmap.ACCESS_READ))
        if identity(fd) != before:
            raise InputError(f"{path}: changed while it was read", hint="wait for the writer, then try again")
    finally:
        os.close(fd)


class Scan:
    """The Check `artifact.scan`: what would loading this model do?"""

    id: str = "artifact.scan"
    version: str = "1"
    title: str = "Malicious content in the model's files"
    needs: tuple[Need, ...] = (Need.ARTIFACT,)
    roles: tuple[str, ...] = ("model",)
    defaults: Mapping[str, Json] = MappingProxyType({"allow": []})
    tools: tuple[str, ...] = ()

    def run(self, inputs: Inputs, limits: Limits, seed: int) -> Evidence:
        """Scan the artifact. Raises InputError when it is not what the subject's digest names."""
        if inputs.artifact is None:
            raise InputError("artifact.scan: no model file was given")
        book = Notebook(self, inputs, limits, seed)
        seen = scan(inputs.artifact, limits, _names(book.parameters["allow"]))
        if seen.manifest.digest != inputs.subjects["model"].digest:
            raise InputError(f"{inputs.artifact}: changed since it was named", hint="audit it again")
        for f in seen.findings:
            book.find(f.rule, f.severity, "model", f.place, f.message, remedy=f.remedy, references=f.references)
        for gap in seen.skipped:
            book.skip(gap.what, gap.why)
        book.measure(_count("files_read", len(seen.formats)))
        book.measure(_count("globals_seen", sum(row.count for row in seen.globals)))
        book.measure(_count("globals_allowed_by_user", sum(row.reason == BY_USER for row in seen.globals)))
        book.show(_formats(seen))
        book.show(_globals(seen))
        return book.evidence()


def _names(allow: Json) -> tuple[str, ...]:
    if not isinstance(allow, list | tuple) or not all(isinstance(name, str) for name in allow):
        raise InputError("artifact.scan: allow is not a list of names", hint='allow = ["lib.module.Class"]')
    return tuple(str(name) for name in allow)


def _count(name: str, n: int) -> Measurement:
    return Measurement(name, n, n, n, 0.0, n, "count", "counted")


def _formats(seen: Scanned) -> Table:
    rows = tuple((path or "the file", kind) for path, kind in list(seen.formats.items())[:SHOWN_GLOBALS])
    return Table("formats", "What was read, and as what", ("place", "format"), rows)


def _globals(seen: Scanned) -> Table:
    order = {Standing.DANGEROUS: 0, Standing.UNKNOWN: 1, Standing.ALLOWED: 2}
    rows = sorted(seen.globals, key=lambda row: (order[row.verdict], row.name, row.use))
    cells = tuple((r.name, r.use, r.verdict.value, r.count, r.reason) for r in rows[:SHOWN_GLOBALS])
    marked = tuple((i, 2) for i, row in enumerate(cells) if row[2] != Standing.ALLOWED.value)
    title = "Every import and call in the model's programs, with its verdict"
    return Table("globals", title, ("name", "use", "verdict", "times", "reason"), cells, marked)


SCAN = Scan()
