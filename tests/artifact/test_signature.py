"""Statements that somebody else wrote: what is read, and what is refused."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from hauberk.artifact.signature import Part, Recipe, read_statement
from hauberk.core.errors import VerificationError

DIGEST = hashlib.sha256(b"x").hexdigest()


def statement(parts: list[tuple[str, str, str]] | None = None, root: str = "", **how: Any) -> dict[str, Any]:
    parts = [("a", "sha256", DIGEST)] if parts is None else parts
    root = root or hashlib.sha256(b"".join(bytes.fromhex(d) for _, _, d in parts)).hexdigest()
    serialization = {"method": "files", "hash_type": "sha256", "allow_symlinks": False, **how}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "m", "digest": {"sha256": root}}],
        "predicateType": "https://model_signing/signature/v1.0",
        "predicate": {
            "serialization": serialization,
            "resources": [{"name": n, "algorithm": a, "digest": d} for n, a, d in parts],
        },
    }


def shards(*names: str, size: float = 10) -> dict[str, Any]:
    return statement([(n, f"sha256-sharded-{size}", DIGEST) for n in names], method="shards", shard_size=size)


def named(*names: str) -> dict[str, Any]:
    return statement([(n, "sha256", DIGEST) for n in names])


HONEST = {
    "one file": named("a"), "unicode": named("mödel/ü"), "a single file": named("."), "spaces": named(" a b "),
    "shards": shards("a:0:10", "a:10:13", "b:0:10"), "a colon in a name": shards("a:b:0:10"),
    "what protobuf makes of a whole number": {**shards("a:0:10"), **{
        "predicate": {**shards("a:0:10")["predicate"], "serialization": {
            "method": "shards", "hash_type": "sha256", "allow_symlinks": False, "shard_size": 10.0}}}},
    "ignored": statement(ignore_paths=[".git", "b/c"]),
}  # fmt: skip

BAD = {
    "nothing covered": named(), "an absolute path": named("/etc/passwd"), "a way out": named("../a"),
    "a way out inside": named("a/../../b"), "a dot": named("./a"), "a slash at the end": named("a/"),
    "two slashes": named("a//b"), "no name": named(""), "a NUL": named("a\0b"), "an endless name": named("a" * 5000),
    "twice": named("a", "a"), "a file and a folder": named(".", "a"), "both listed and ignored":
        statement([("a/b", "sha256", DIGEST)], ignore_paths=["a"]),
    "everything ignored": statement(ignore_paths=["."]), "a way out ignored": statement(ignore_paths=["../x"]),
    "ignored no list": statement(ignore_paths="a"),
    "another root": statement(root="0" * 64), "an upper-case digest": statement([("a", "sha256", DIGEST.upper())]),
    "a short digest": statement([("a", "sha256", DIGEST[:-2])]), "another algorithm": statement([("a", "md5", DIGEST)]),
    "an unknown hash": statement([("a", "md5", DIGEST)], hash_type="md5"),
    "an unknown method": statement(method="tensors"), "a method of another type": statement(method=[]),
    "an unknown field": statement(x=1), "links as text": statement(allow_symlinks="false"),
    "a hole": shards("a:0:10", "a:11:21"), "an overlap": shards("a:0:10", "a:5:15"), "a late start": shards("a:5:15"),
    "out of order": shards("a:10:20", "a:0:10"), "a short one between": shards("a:0:9", "a:9:19"),
    "too long": shards("a:0:11"), "nothing": shards("a:0:0"), "the same twice": shards("a:0:10", "a:0:10"),
    "backwards": shards("a:0:10", "a:10:5"), "a negative start": shards("a:-1:9"), "a leading zero": shards("a:00:10"),
    "other digits": shards("a:0:１0"), "no ends": shards("a"), "a shard of nothing": shards("a:0:10", size=0),
    "half a byte": shards("a:0:10", size=10.5), "no end": shards("a:0:10", size=1e400),
    "a whole file": shards("a:0:None"), "a truth value": shards("a:0:1", size=True),
}  # fmt: skip


def as_json(plain: Any) -> bytes:
    return json.dumps(plain, indent=2).replace("Infinity", "1e400").encode()


@pytest.mark.parametrize("name", HONEST)
def test_statements_of_others(name: str) -> None:
    assert read_statement(as_json(HONEST[name])).parts


@pytest.mark.parametrize("flaw", BAD)
def test_malformed_statements(flaw: str) -> None:
    with pytest.raises(VerificationError) as caught:
        read_statement(as_json(BAD[flaw]))
    assert caught.value.reason == "malformed"


def mangled(path: tuple[str | int, ...], value: Any) -> bytes:
    plain = statement()
    place: Any = plain
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return as_json(plain)


@pytest.mark.parametrize("value", [None, 0, "", [], {}, [{}], {"x": 1}, [[]], True], ids=repr)
@pytest.mark.parametrize("path", [
    ("subject",), ("subject", 0), ("subject", 0, "digest"), ("predicate",), ("predicate", "serialization"),
    ("predicate", "resources"), ("predicate", "resources", 0), ("predicate", "resources", 0, "name"),
    ("predicate", "resources", 0, "digest"), ("predicate", "resources", 0, "algorithm"), ("predicate", "more"),
    ("more",), ("_type",), ("predicateType",),
], ids=repr)  # fmt: skip
def test_any_part_of_another_type(path: tuple[str | int, ...], value: Any) -> None:
    with pytest.raises(VerificationError):
        read_statement(mangled(path, value))


@pytest.mark.parametrize("other", ["https://model_signing/Digests/v0.1", "urn:hauberk:evidence:1"])
def test_statements_about_something_else(other: str) -> None:
    with pytest.raises(VerificationError) as caught:
        read_statement(as_json({**statement(), "predicateType": other}))
    assert caught.value.reason == "unknown-predicate"


def test_two_subjects_are_too_many() -> None:
    plain = statement()
    with pytest.raises(VerificationError, match="2 subjects"):
        read_statement(as_json({**plain, "subject": plain["subject"] * 2}))


def test_a_part_says_its_name() -> None:
    assert Part("a", 0, 5, "").name == "a:0:5"
    assert Recipe("shards", "sha256", 5).algorithm == "sha256-sharded-5"
