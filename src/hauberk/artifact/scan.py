"""Scan a model's bytes for what loading it would do; and the Check `artifact.scan`.

>>> import pathlib, pickle, tempfile
>>> path = pathlib.Path(tempfile.mkdtemp()) / "m.pkl"
>>> _ = path.write_bytes(pickle.dumps({"weights": [1.0, 2.0]}))
>>> scan(path).verdict.value
'held'
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from ..core.canon import Json
from ..core.codec import FrozenMap
from ..core.errors import InputError
from ..core.exhibits import Table
from ..core.limits import Limits
from ..core.notebook import Notebook
from ..core.nouns import Evidence, Finding, Measurement, Place, Severity, Skipped, Subject, Verdict
from ..core.ports import Inputs, Need, Progress, silent
from .baseline import Accepted, entry, fingerprint_of
from .manifest import Entry, Found, Manifest, files_of
from .reading import Reading
from .route import walk_content
from .verdicts import BY_USER, Standing
from .walk import Seen, Walk

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


def scan(
    path: Path,
    limits: Limits | None = None,
    allow: Iterable[str] = (),
    *,
    progress: Progress = silent,
    digests: bool = True,
) -> Scanned:
    """Walk every file of a model, never loading any of it, and hash the same bytes meanwhile.

    allow: exact dotted names (`lib.mod.Cls`) that the caller takes responsibility for; known gadgets stay refused.
    progress: told bytes. digests: without them the manifest names no bytes, and no evidence can be made of it.
    Costs one pass over the file for the hash; programs are walked at about a million opcodes a second.
    Raises InputError for a path that cannot be read; whatever is inside a file is a finding or a skip.
    """
    limits = limits or Limits()
    walk = Walk(limits, walk_content, allow)
    found = list(files_of(path, limits))
    walk.name = "" if path.is_dir() else path.name
    walk.beside = frozenset(item.path for item in found)
    walk.locations = {item.path: item.location for item in found}
    walk.stats = {item.path: item.location.stat() for item in found}
    entries = tuple(_entries(walk, found, progress, digests))
    walk.settle()
    if not entries:
        walk.skip(path.name, "the folder is empty")
    manifest = Manifest(path.is_dir(), entries)
    digest = manifest.digest if digests else ""
    findings = tuple(
        Finding(f.rule, f.severity, digest, f.place, f.message, f.remedy, f.references) for f in walk.flaws
    )
    skipped = tuple(Skipped(what, why) for what, why in walk.skipped)
    return Scanned(manifest, findings, skipped, dict(walk.formats), tuple(walk.seen.values()))


def _entries(walk: Walk, found: list[Found], progress: Progress, digests: bool) -> Iterator[Entry]:
    """Walk file after file; a few are still being hashed while the next ones are walked."""
    under_way, cores = deque[Reading](), os.cpu_count() or 1
    done, total = 0, sum(item.size for item in found)
    try:
        for item in found:
            progress(done, total, item.path)
            reading = Reading(item, digests=digests)
            under_way.append(reading)
            _walk_file(walk, item, reading.data)
            done += len(reading.data)
            while len(under_way) >= cores:
                yield under_way.popleft().entry()
        while under_way:
            yield under_way.popleft().entry()
    finally:
        for reading in under_way:
            reading.close()


def _walk_file(walk: Walk, item: Found, data: memoryview) -> None:
    if len(data) > walk.limits.max_file_bytes:
        walk.skip(item.path or "the file", f"{len(data)} bytes, the limit is {walk.limits.max_file_bytes}")
        return
    walk.depth = 0
    walk.enter(data, item.path)


class Scan:
    """The Check `artifact.scan`: what would loading this model do?"""

    id: str = "artifact.scan"
    version: str = "1"
    title: str = "Malicious content in the model's files"
    needs: tuple[Need, ...] = (Need.ARTIFACT,)
    roles: tuple[str, ...] = ("model",)
    defaults: Mapping[str, Json] = MappingProxyType({"allow": [], "accept": []})
    tools: tuple[str, ...] = ()

    def run(self, inputs: Inputs, limits: Limits, seed: int) -> Evidence:
        """Scan the artifact. Raises InputError when it is not what the subject's digest names."""
        if inputs.artifact is None:
            raise InputError("artifact.scan: no model file was given")
        book = Notebook(self, inputs, limits, seed)
        seen = scan(inputs.artifact, limits, _names(book.parameters["allow"]), progress=inputs.progress)
        if seen.manifest.digest != inputs.subjects["model"].digest:
            raise InputError(f"{inputs.artifact}: changed since it was named", hint="audit it again")
        return _written(book, seen)

    def examine(
        self, path: Path, limits: Limits, options: Mapping[str, Json] = FrozenMap({}), progress: Progress = silent
    ) -> tuple[Scanned, Evidence]:
        """Scan a model that nobody has named yet: its digest is that of the bytes that are scanned, in one pass.

        Raises InputError as `scan`.
        """
        inputs = Inputs(artifact=path, options=options, progress=progress)
        book = Notebook(self, inputs, limits, 0)
        seen = scan(path, limits, _names(book.parameters["allow"]), progress=progress)
        model = Subject("model", path.name or path.resolve().name, seen.manifest.digest)
        book.inputs = replace(inputs, subjects={"model": model})
        return seen, _written(book, seen)


def _written(book: Notebook, seen: Scanned) -> Evidence:
    today, accepted = book.inputs.clock.now().date(), _accepted(book.parameters["accept"])
    valid = {key: answer for key, answer in accepted.items() if today <= answer.expires}
    gaps = {fingerprint_of(gap, seen.manifest.digest): gap for gap in seen.skipped}
    for f in seen.findings:
        severity = Severity.INFO if f.fingerprint in valid else f.severity
        answer = accepted.get(f.fingerprint)
        message = f"{f.message}; {answer.said(today)}" if answer else f.message
        book.find(f.rule, severity, "model", f.place, message, remedy=f.remedy, references=f.references)
    for key, gap in gaps.items():
        if key in valid:
            message = f"not read: {gap.why}; {valid[key].said(today)}"
            book.find("artifact.unread", Severity.INFO, "model", Place(gap.what), message, remedy="read it by hand")
        else:
            book.skip(gap.what, gap.why)
    book.measure(_count("files_read", len(seen.formats)))
    book.measure(_count("globals_seen", sum(row.count for row in seen.globals)))
    book.measure(_count("globals_allowed_by_user", sum(row.reason == BY_USER for row in seen.globals)))
    book.measure(_count("findings_accepted", len(valid.keys() & {*gaps, *(f.fingerprint for f in seen.findings)})))
    book.show(_formats(seen))
    book.show(_globals(seen))
    return book.evidence()


def _accepted(rows: Json) -> Mapping[str, Accepted]:
    if not isinstance(rows, list | tuple):
        raise InputError("artifact.scan: accept is not a list", hint="give the [[accept]] tables of a baseline")
    answers = (entry(row, f"artifact.scan: accept {i}") for i, row in enumerate(rows, 1))
    return {answer.fingerprint: answer for answer in answers}


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
