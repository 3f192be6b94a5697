"""The manifest: one digest that any change of content or name moves, and nothing else does."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hauberk.artifact.digest import DIGEST
from hauberk.artifact.manifest import Entry, Manifest, manifest, subject
from hauberk.artifact.scan import SCAN, scan
from hauberk.core.canon import canonical, digest
from hauberk.core.errors import InputError, LimitExceeded
from hauberk.core.limits import Limits
from hauberk.core.nouns import Severity, Verdict, decode, encode
from hauberk.core.ports import Check, Inputs
from hauberk.core.taxonomy import lookup


@dataclass
class Frozen:
    """A clock that stands still."""

    at: datetime = field(default_factory=lambda: datetime(2026, 1, 1, tzinfo=UTC))

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return 0.0


def build(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o644)
    return root


def test_a_file_has_the_digest_of_its_bytes(tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    (tmp_path / "a").write_bytes(content)
    seen = manifest(tmp_path / "a")
    assert seen.digest == "sha256:" + hashlib.sha256(content).hexdigest()
    assert seen.size == len(content)


FILES = {"b/c": b"1", "b.x": b"2", "a": b"", "z/y/x": b"3"}


def test_a_folder_lists_its_files_sorted(tmp_path: Path) -> None:
    seen = manifest(build(tmp_path / "m", FILES))
    assert [e.path for e in seen.files] == sorted(FILES)
    assert manifest(build(tmp_path / "other", dict(reversed(FILES.items())))).digest == seen.digest


@pytest.mark.parametrize(
    "other",
    [
        {**FILES, "new": b""},
        {k: v for k, v in FILES.items() if k != "a"},
        {**FILES, "a": b"x"},
        {("renamed" if k == "a" else k): v for k, v in FILES.items()},
        {**FILES, "b/c": b"2", "b.x": b"1"},
    ],
)
def test_any_change_moves_the_digest(tmp_path: Path, other: dict[str, bytes]) -> None:
    first = manifest(build(tmp_path / "one", FILES)).digest
    assert manifest(build(tmp_path / "two", other)).digest != first


def test_a_folder_of_one_file_is_not_that_file(tmp_path: Path) -> None:
    build(tmp_path / "m", {"a": b"x"})
    assert manifest(tmp_path / "m").digest != manifest(tmp_path / "m" / "a").digest


def test_links_out_are_refused_and_links_inside_are_hashed(tmp_path: Path) -> None:
    root = build(tmp_path / "m", {"a": b"x"})
    (root / "inside").symlink_to("a")
    assert [e.path for e in manifest(root).files] == ["a", "inside"]
    (tmp_path / "secret").write_bytes(b"s")
    (root / "out").symlink_to("../secret")
    with pytest.raises(InputError, match="leaves the folder"):
        manifest(root)


@pytest.mark.parametrize("target", ["nowhere", "/etc", "loop"])
def test_dangling_and_folder_links_are_refused(tmp_path: Path, target: str) -> None:
    root = build(tmp_path / "m", {"a": b"x"})
    (root / "loop").symlink_to(target)
    with pytest.raises(InputError):
        manifest(root)


def test_pipes_are_refused_without_waiting(tmp_path: Path) -> None:
    root = build(tmp_path / "m", {"a": b"x"})
    os.mkfifo(root / "pipe")
    with pytest.raises(InputError, match="not a regular file"):
        manifest(root)
    with pytest.raises(InputError, match="not a regular file"):
        scan(root)


def test_missing_and_limits(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        manifest(tmp_path / "no")
    root = build(tmp_path / "m", FILES)
    with pytest.raises(LimitExceeded):
        manifest(root, Limits(max_members=3))
    with pytest.raises(LimitExceeded):
        manifest(root, Limits(max_total_bytes=2))


def test_progress_reaches_its_end(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    manifest(build(tmp_path / "m", FILES), progress=lambda done, total, note: told.append((done, total)))
    assert told[-1] == (3, 3)


@settings(max_examples=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.from_regex(r"[a-z]{1,3}(\.[a-z])?", fullmatch=True), st.binary(max_size=20), min_size=1))
def test_scan_and_manifest_name_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]
) -> None:
    root = build(tmp_path_factory.mktemp("m"), files)
    assert scan(root).manifest == manifest(root)


def inputs(path: Path, **options: object) -> Inputs:
    return Inputs(artifact=path, subjects={"model": subject(path)}, options=options, clock=Frozen())  # type: ignore[arg-type]


@pytest.mark.parametrize("check", [DIGEST, SCAN], ids=lambda c: c.id)
def test_checks_give_evidence_that_keeps(tmp_path: Path, check: Check) -> None:
    path = build(tmp_path / "m", {"w.pkl": b"\x80\x02K\x01."})
    evidence = check.run(inputs(path), Limits(), 0)
    assert evidence.verdict is Verdict.HELD
    assert decode(type(evidence), encode(evidence)) == evidence
    assert evidence.subjects[0].digest == manifest(path).digest


@pytest.mark.parametrize("check", [DIGEST, SCAN], ids=lambda c: c.id)
def test_checks_refuse_a_model_that_changed_since_it_was_named(tmp_path: Path, check: Check) -> None:
    path = build(tmp_path, {"m": b"\x80\x02K\x01."}) / "m"
    given = inputs(path)
    path.write_bytes(b"\x80\x02K\x02.")
    with pytest.raises(InputError, match="changed"):
        check.run(given, Limits(), 0)


def test_digest_measures_and_tells_who_may_write(tmp_path: Path) -> None:
    path = build(tmp_path / "m", FILES)
    (path / "a").chmod(0o666)
    evidence = DIGEST.run(inputs(path), Limits(), 0)
    assert [(f.rule, f.severity, f.place.path) for f in evidence.findings] == [
        ("artifact.digest.writable", Severity.LOW, "a")
    ]
    size, count = evidence.measured("size"), evidence.measured("files")
    assert size is not None
    assert count is not None
    assert (size.value, count.value) == (3, 4)


def test_scan_records_what_was_allowed(tmp_path: Path) -> None:
    path = build(tmp_path, {"m": b"\x80\x04\x8c\x05mylib\x8c\x05Thing\x93)R."}) / "m"
    assert SCAN.run(inputs(path), Limits(), 0).verdict is Verdict.BROKEN
    evidence = SCAN.run(inputs(path, allow=["mylib.Thing"]), Limits(), 0)
    assert evidence.verdict is Verdict.HELD
    assert evidence.parameters["allow"] == ("mylib.Thing",)
    rows = next(e for e in evidence.exhibits if e.name == "globals").rows  # type: ignore[union-attr]
    assert ("mylib.Thing", "call", "allowed", 1, "allowed by the user") in rows


def test_every_reference_is_in_the_taxonomy() -> None:
    room = Path(DIGEST.run.__code__.co_filename).parent
    texts = [p.read_text() for p in room.rglob("*") if p.suffix in (".py", ".json")]
    found = {r for t in texts for r in re.findall(r'"((?:CWE-|AML\.T|ML\d|CVE-|GHSA-)[\w.:-]+)"', t)}
    assert len(found) > 15
    for reference in found:
        lookup(reference)


def test_scan_refuses_an_allow_that_is_no_list(tmp_path: Path) -> None:
    path = build(tmp_path, {"m": b"N."}) / "m"
    with pytest.raises(InputError):
        SCAN.run(inputs(path, allow="os.system"), Limits(), 0)


def test_a_finding_keeps_its_fingerprint(tmp_path: Path) -> None:
    path = build(tmp_path, {"m": b"cos\nsystem\n."}) / "m"
    first, second = scan(path), scan(path)
    assert [f.fingerprint for f in first.findings] == [f.fingerprint for f in second.findings]
    assert first.findings


@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.integers(0, 2**53 - 1))))
def test_the_digest_of_a_folder_is_that_of_its_canonical_json(named: list[tuple[str, int]]) -> None:
    entries = tuple(Entry(name, size, digest(name.encode())) for name, size in named)
    plain = {"format": "hauberk/manifest/1", "files": encode(entries)}
    assert Manifest(True, entries).digest == digest(canonical(plain))
