"""What a signature states about a model, how a model is held against it, and what is said about each difference."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from hauberk.artifact.compare import compare, holds
from hauberk.artifact.hashing import BUFFER, SMALL, Piece, hash_pieces
from hauberk.artifact.manifest import manifest
from hauberk.artifact.sign import claim_of, left_out, place_in, recipe
from hauberk.artifact.signature import Claim, read_statement, write_statement
from hauberk.artifact.verify import look, signature_of, verify
from hauberk.core.canon import canonical, parse_json
from hauberk.core.errors import InputError, MissingExtra, UnsupportedError, VerificationError
from hauberk.crypto import bundle
from hauberk.crypto.keys import generate
from hauberk.crypto.trust import Trust

KEY = generate("ecdsa-p256")
TRUST = Trust(keys=(KEY.public,))
FILES = {"b.x": b"2", "b/c": b"1", "a": b"", "z/y/x": b"3"}


def build(root: Path, files: dict[str, bytes] = FILES) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def sign(model: Path, to: Path, **how: Any) -> Claim:
    claim = claim_of(model, recipe(**how))
    to.write_bytes(bundle.sign(write_statement(claim), KEY))
    return claim


def changes(model: Path, claim: Claim) -> list[tuple[str, str, int | None]]:
    return [(c.kind, c.path, c.size) for c in compare(model, claim).changes]


# The claim.


def test_a_claim_names_every_file_in_the_order_of_the_format(tmp_path: Path) -> None:
    claim = claim_of(build(tmp_path / "m"), recipe())
    assert [p.name for p in claim.parts] == ["a", "b/c", "b.x", "z/y/x"]
    digests = [hashlib.sha256(FILES[p.path]) for p in claim.parts]
    assert [p.digest for p in claim.parts] == [d.hexdigest() for d in digests]
    whole = hashlib.sha256(b"".join(d.digest() for d in digests)).hexdigest()
    assert (claim.name, claim.digest) == ("m", "sha256:" + whole)


def test_a_statement_is_canonical_json_and_is_read_back(tmp_path: Path) -> None:
    hows: list[dict[str, Any]] = [
        {}, {"shard_size": 2}, {"hash_type": "blake2b", "ignore": ["z"]}, {"allow_symlinks": True, "git": True},
    ]  # fmt: skip
    for how in hows:
        claim = claim_of(build(tmp_path / "mödel"), recipe(**how))
        payload = write_statement(claim)
        assert canonical(parse_json(payload, what="x")) == payload
        assert read_statement(payload) == claim


def test_digests_that_are_known_are_not_made_again(tmp_path: Path) -> None:
    model = build(tmp_path / "m")
    known = manifest(model).files
    (model / "a").write_bytes(b"changed since")
    again = claim_of(model, recipe(), known=known)
    assert again.files()["a"][0].digest == hashlib.sha256(b"").hexdigest()
    assert {p.path: p.digest for p in again.parts} == {e.path: e.digest[7:] for e in known}


def test_shards_are_the_bytes_of_the_file(tmp_path: Path) -> None:
    content = os.urandom(SMALL * 5 + 3)
    (tmp_path / "w").write_bytes(content)
    claim = claim_of(tmp_path / "w", recipe(shard_size=SMALL * 2))
    assert [p.name for p in claim.parts] == [".:0:524288", ".:524288:1048576", ".:1048576:1310723"]
    for part in claim.parts:
        assert part.digest == hashlib.sha256(content[part.start : part.end]).hexdigest()
    assert claim_of(tmp_path / "w", recipe(shard_size=0)).recipe.shard_size == 1_000_000_000


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_any_number_of_threads_hashes_the_same(tmp_path: Path, workers: int) -> None:
    sizes = [0, 1, SMALL, SMALL + 1, BUFFER, BUFFER + 1, 3 * BUFFER + 7, 10, SMALL * 2]
    files = [os.urandom(n) for n in sizes]
    for i, content in enumerate(files):
        (tmp_path / str(i)).write_bytes(content)
    told: list[tuple[int, int]] = []
    pieces = [Piece(tmp_path / str(i), n) for i, n in enumerate(sizes)]
    found = hash_pieces(pieces, workers=workers, progress=lambda done, total, note: told.append((done, total)))
    assert [h.digest for h in found] == [hashlib.sha256(c).digest() for c in files]
    assert [h.size for h in found] == sizes
    assert all(done <= total == sum(sizes) for done, total in told)


@pytest.mark.parametrize("size", [5, 2 * BUFFER])
@pytest.mark.parametrize("off", [-1, 1])
def test_a_file_that_is_not_as_long_as_planned_is_refused(tmp_path: Path, size: int, off: int) -> None:
    (tmp_path / "a").write_bytes(b"x" * size)
    with pytest.raises(InputError, match="changed while"):
        hash_pieces([Piece(tmp_path / "a", size + off), Piece(tmp_path / "a", size)], workers=2)


class Touching:
    """A hash during which somebody writes to the file."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def update(self, data: bytes) -> None:
        self._place.write_bytes(b"y" * self._place.stat().st_size)
        os.utime(self._place, ns=(1, 1))

    def digest(self) -> bytes:
        return b""


def test_a_file_that_is_written_to_meanwhile_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, read = tmp_path / "a", os.pread
    place.write_bytes(b"x" * (SMALL + 1))
    with pytest.raises(InputError, match="changed while"):
        hash_pieces([Piece(place, SMALL + 1)], lambda *_: Touching(place))
    place.write_bytes(b"x" * 9)

    def touched(fd: int, n: int, at: int) -> bytes:
        os.utime(place, ns=(2, 2))
        return read(fd, n, at)

    monkeypatch.setattr(os, "pread", touched)
    with pytest.raises(InputError, match="changed while"):
        hash_pieces([Piece(place, 9)])


def test_a_file_that_is_replaced_between_its_shards_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, read = tmp_path / "a", os.pread
    place.write_bytes(b"x" * 20)

    def replaced(fd: int, n: int, at: int) -> bytes:
        content = read(fd, n, at)
        (tmp_path / "b").write_bytes(b"x" * 20)
        (tmp_path / "b").replace(place)
        return content

    monkeypatch.setattr(os, "pread", replaced)
    with pytest.raises(InputError, match="changed while"):
        claim_of(place, recipe(shard_size=10))


def test_an_error_in_a_thread_is_raised(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * (SMALL + 1))
    pieces = [Piece(tmp_path / "a", SMALL + 1), Piece(tmp_path / "absent", SMALL + 2)]
    with pytest.raises(InputError, match="absent"):
        hash_pieces(pieces, workers=2)


def test_nothing_to_sign(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    with pytest.raises(InputError, match="no file to sign"):
        claim_of(tmp_path / "m", recipe())
    build(tmp_path / "m", {".git/config": b"x", "a": b""})
    with pytest.raises(InputError, match="no file to sign"):
        claim_of(tmp_path / "m", recipe(ignore=["a"]))
    with pytest.raises(InputError, match="no such file"):
        claim_of(tmp_path / "absent", recipe())
    with pytest.raises(InputError, match="shards of -1"):
        recipe(shard_size=-1)
    build(tmp_path / "m", {"a:b": b"x"})
    with pytest.raises(UnsupportedError, match="colon"):
        claim_of(tmp_path / "m", recipe(shard_size=9))


def test_blake3_needs_its_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "blake3", None)
    with pytest.raises(MissingExtra, match="blake3"):
        claim_of(build(tmp_path / "m"), recipe(hash_type="blake3"))


# What is left out.


def test_patterns_become_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(tmp_path / "m", {"a.log": b"", "b/c.log": b"", "b/d": b"", "e": b""})
    monkeypatch.chdir(tmp_path)
    assert left_out(model, ["*.log"]) == ("a.log", "b/c.log")
    assert left_out(model, ["b/", "e"]) == ("b", "e")
    assert left_out(model, [str(model / "e"), "m/a.log"]) == ("a.log", "e")
    assert left_out(model, ["b/*"]) == ("b/c.log", "b/d")
    for nothing in ("../m", "absent", "*.x", ".", "", "/etc/passwd"):
        with pytest.raises(InputError):
            left_out(model, [nothing])
    with pytest.raises(InputError, match="not a folder"):
        left_out(model / "e", ["x"])


def test_where_a_file_lies_in_a_model(tmp_path: Path) -> None:
    model = build(tmp_path / "m")
    assert place_in(model, model / "b" / "x.sig") == "b/x.sig"
    assert place_in(model, model / "b" / ".." / "x.sig") == "x.sig"
    for outside in (tmp_path / "x", model, model / "..", tmp_path / "mm" / "x"):
        assert place_in(model, outside) == ""


def test_what_is_left_out_is_told(tmp_path: Path) -> None:
    model = build(tmp_path / "m", {**FILES, ".git/HEAD": b"x", "logs/1": b"x"})
    sign(model, tmp_path / "m.sig", ignore=["logs", "absent"])
    seen = look(model, TRUST).comparison
    assert (seen.changes, seen.uncovered, seen.files) == ((), (".git", "logs"), 4)
    build(model, {"logs/2": b"new", ".git/x": b"new"})
    assert look(model, TRUST).comparison.changes == ()


def test_empty_files_are_outside_of_shards(tmp_path: Path) -> None:
    model = build(tmp_path / "m")
    claim = sign(model, tmp_path / "m.sig", shard_size=10)
    assert compare(model, claim).uncovered == ("a",)
    (model / "b/c").write_bytes(b"")
    assert changes(model, claim) == [("changed", "b/c", 0)]


def test_a_path_that_is_left_out_is_no_name(tmp_path: Path) -> None:
    model = build(tmp_path / "m", {"a": b"1", "b/a": b"2", "b/.git/x": b"3"})
    assert sorted(claim_of(model, recipe(ignore=["a"])).files()) == ["b/.git/x", "b/a"]


def test_verify_raises_when_anything_is_unlike(tmp_path: Path) -> None:
    model = build(tmp_path / "m")
    sign(model, tmp_path / "m.sig")
    assert verify(model, TRUST).signed.signer == KEY.key_id
    (model / "a").write_bytes(b"now")
    with pytest.raises(VerificationError, match="a is changed"):
        verify(model, TRUST)


def test_the_signature_may_lie_in_the_model(tmp_path: Path) -> None:
    model = build(tmp_path / "m")
    sign(model, model / "model.sig")
    assert signature_of(model) == model / "model.sig"
    assert verify(model, TRUST).comparison.uncovered == ()
    with pytest.raises(InputError, match="no signature with it"):
        signature_of(tmp_path)


# Differences.


def test_each_difference_by_name(tmp_path: Path) -> None:
    model = build(tmp_path / "m", {**FILES, "keep": b"k"})
    claim = sign(model, tmp_path / "m.sig")
    assert changes(model, claim) == []
    (model / "a").write_bytes(b"now")
    (model / "b.x").unlink()
    (model / "b/c").rename(model / "b/d")
    build(model, {"new": b"12345"})
    assert changes(model, claim) == [
        ("changed", "a", 3), ("renamed", "b/d", 1), ("added", "new", 5), ("removed", "b.x", None),
    ]  # fmt: skip
    found = compare(model, claim)
    renamed = next(c for c in found.changes if c.kind == "renamed")
    assert (renamed.was, renamed.detail) == ("b/c", "was b/c")
    with pytest.raises(VerificationError, match="a is changed, and 3 more") as caught:
        holds(found)
    assert caught.value.reason == "altered-model"


def test_shards_tell_where(tmp_path: Path) -> None:
    content = bytearray(100)
    (tmp_path / "w").write_bytes(content)
    claim = sign(tmp_path / "w", tmp_path / "w.sig", shard_size=10)
    content[33] = 1
    (tmp_path / "w").write_bytes(content)
    assert compare(tmp_path / "w", claim).changes[0].detail == "was 100 bytes; differs in 30-40"
    (tmp_path / "w").write_bytes(bytes(95))
    assert compare(tmp_path / "w", claim).changes[0].detail == "was 100 bytes; differs in 90-100"
    (tmp_path / "w").write_bytes(bytes(105))
    assert compare(tmp_path / "w", claim).changes[0].detail == "was 100 bytes; differs in the end"
    (tmp_path / "w").write_bytes(b"\1" * 100)
    assert compare(tmp_path / "w", claim).changes[0].detail.endswith("30-40 and 6 more")


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    build(tmp_path / "m", {"w": b"x"})
    whole, one = claim_of(tmp_path / "m", recipe()), claim_of(tmp_path / "m" / "w", recipe())
    assert [c.kind for c in compare(tmp_path / "m", one).changes] == ["renamed"]
    assert [c.kind for c in compare(tmp_path / "m" / "w", whole).changes] == ["renamed"]


def test_a_model_may_be_moved_and_renamed(tmp_path: Path) -> None:
    claim = claim_of(build(tmp_path / "m"), recipe())
    (tmp_path / "m").rename(tmp_path / "other")
    assert changes(tmp_path / "other", claim) == []


def test_links_are_refused_unless_allowed(tmp_path: Path) -> None:
    model = build(tmp_path / "m", {"a": b"x"})
    claim = claim_of(model, recipe())
    (tmp_path / "blob").write_bytes(b"x")
    (model / "a").unlink()
    (model / "a").symlink_to("../blob")
    with pytest.raises(InputError, match="symbolic link"):
        compare(model, claim)
    assert compare(model, claim, allow_symlinks=True).changes == ()
    followed = claim_of(model, recipe(allow_symlinks=True))
    assert compare(model, followed).changes == ()
    (tmp_path / "blob").write_bytes(b"y")
    assert changes(model, followed) == [("changed", "a", 1)]
    (tmp_path / "blob").unlink()
    with pytest.raises(InputError, match="leads nowhere"):
        compare(model, followed)
    (model / "a").unlink()
    (model / "a").symlink_to(tmp_path)
    with pytest.raises(InputError, match="to a folder"):
        compare(model, followed)
