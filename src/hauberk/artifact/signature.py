"""What a model's signature states: which files the model has, each by digest, and how they were read.

An in-toto statement with the predicate `https://model_signing/signature/v1.0` of the OpenSSF `model_signing`. Its
subject is the model's name with a digest over the digests. What the signer left out is listed (`ignore_paths`).

>>> recipe = Recipe("files", "sha256")
>>> claim = Claim("m", recipe, (Part("a", 0, None, "00" * 32),))
>>> read_statement(write_statement(claim)) == claim
True

Source: `model_signing/_signing/signing.py` and `manifest.py`, version 1.1.1. Differs: fields that the format does not
define, names that are not plain relative paths, names that come twice, shards with holes, and statements about no file
at all are refused.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..core.canon import Json, parse_json
from ..core.errors import InputError, VerificationError

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://model_signing/signature/v1.0"
GIT_PATHS = (".git", ".gitattributes", ".github", ".gitignore")
"""What `model_signing` leaves out unless told otherwise; its `verify` always does."""
DIGEST_BYTES = {"sha256": 32, "blake2b": 64, "blake3": 32}
SHARD_BYTES = 1_000_000_000
"""The size of a shard unless told otherwise, as in `model_signing`."""
LARGEST_SHARD = 1 << 50
LONGEST_NAME = 4096
"""Linux opens no longer path."""
_HEX = re.compile(r"[0-9a-f]+")


@dataclass(frozen=True)
class Recipe:
    """How a model becomes digests. method: files or shards. ignore: paths in the model that were left out."""

    method: str
    hash_type: str
    shard_size: int = 0
    allow_symlinks: bool = False
    ignore: tuple[str, ...] = ()

    @property
    def algorithm(self) -> str:
        """What stands beside every digest."""
        return self.hash_type if self.method == "files" else f"{self.hash_type}-sharded-{self.shard_size}"


@dataclass(frozen=True)
class Part:
    """A file, or bytes start to end of one. path: POSIX, in the model; '.' when the model is one file. digest: hex."""

    path: str
    start: int
    end: int | None
    digest: str

    @property
    def name(self) -> str:
        """As the statement names it."""
        return self.path if self.end is None else f"{self.path}:{self.start}:{self.end}"


@dataclass(frozen=True)
class Claim:
    """A signed statement about a model: its name (a hint), how it was read, and all its parts in order."""

    name: str
    recipe: Recipe
    parts: tuple[Part, ...]

    def files(self) -> dict[str, list[Part]]:
        """The parts of every file, by path."""
        found: dict[str, list[Part]] = {}
        for part in self.parts:
            found.setdefault(part.path, []).append(part)
        return found

    @property
    def digest(self) -> str:
        """`sha256:` over the digests in their order: what the format calls the model's digest."""
        state = hashlib.sha256()
        for part in self.parts:
            state.update(bytes.fromhex(part.digest))
        return "sha256:" + state.hexdigest()


def in_order(path: str, start: int = 0) -> tuple[tuple[str, ...], int]:
    """The key by which `model_signing` sorts the parts of a model: folder by folder, then by offset.

    >>> sorted(["a.b", "a/c"]), sorted(["a.b", "a/c"], key=in_order)
    (['a.b', 'a/c'], ['a/c', 'a.b'])
    """
    return tuple(path.split("/")), start


def write_statement(claim: Claim) -> bytes:
    """The statement as canonical JSON, ready to be signed."""
    recipe, algorithm = claim.recipe, claim.recipe.algorithm
    how: dict[str, Json] = {
        "method": recipe.method, "hash_type": recipe.hash_type, "allow_symlinks": recipe.allow_symlinks,
    }  # fmt: skip
    if recipe.method == "shards":
        how["shard_size"] = recipe.shard_size
    if recipe.ignore:
        how["ignore_paths"] = recipe.ignore
    plain = {
        "_type": STATEMENT,
        "subject": [{"name": claim.name, "digest": {"sha256": claim.digest.removeprefix("sha256:")}}],
        "predicateType": PREDICATE,
        "predicate": {
            "serialization": how,
            "resources": [{"name": p.name, "algorithm": algorithm, "digest": p.digest} for p in claim.parts],
        },
    }
    # RFC 8785 for what is in here, ASCII keys and no fractions, and many times faster than in Python
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def read_statement(payload: bytes) -> Claim:
    """Parse a statement whose signature holds.

    Raises VerificationError: unknown-predicate for a statement about something else, malformed.
    """
    try:
        plain = _only(parse_json(payload, what="JSON"), "_type", "subject", "predicateType", "predicate")
        _kind(plain["_type"], STATEMENT)
        _kind(plain["predicateType"], PREDICATE)
        claim = _claim(plain)
    except (InputError, ValueError) as error:
        raise VerificationError(f"the signed statement: {error}", reason="malformed") from error
    return claim


def _kind(found: Json, expected: str) -> None:
    if found != expected:
        raise VerificationError(
            f"what was signed is a {str(found)[:100]!r}, expected {expected!r}",
            reason="unknown-predicate",
            hint="this signature is not about a model's files",
        )


def _claim(plain: Mapping[str, Json]) -> Claim:
    subjects = _list(plain["subject"], "subject")
    if len(subjects) != 1:
        raise ValueError(f"it has {len(subjects)} subjects, expected 1")
    subject = _only(subjects[0], "name", "digest")
    predicate = _only(plain["predicate"], "serialization", "resources")
    recipe = _recipe(predicate["serialization"])
    listed = _list(predicate["resources"], "resources")
    claim = Claim(_text(subject["name"]), recipe, tuple(_part(item, recipe) for item in listed))
    if not claim.parts:
        raise ValueError("it covers no file at all")
    _whole(claim)
    if claim.digest != f"sha256:{_only(subject['digest'], 'sha256')['sha256']}":
        raise ValueError("the digest of the model is not that of its parts")
    return claim


def _recipe(plain: Json) -> Recipe:
    found = plain if isinstance(plain, dict) else {}
    method, optional = found.get("method"), {"ignore_paths"} & set(found)
    if method not in ("files", "shards"):
        raise ValueError(f"its method is {str(method)[:40]!r}, expected files or shards")
    sharded = ("shard_size",) if method == "shards" else ()
    _only(found, "method", "hash_type", "allow_symlinks", *sharded, *optional)
    hash_type, links, size = _text(found["hash_type"]), found["allow_symlinks"], found.get("shard_size", 0)
    if hash_type not in DIGEST_BYTES:
        raise ValueError(f"its hash is {hash_type[:40]!r}, expected one of {', '.join(DIGEST_BYTES)}")
    if not isinstance(links, bool):
        raise ValueError("allow_symlinks is not a truth value")
    if not isinstance(size, int | float) or (sharded and not 1 <= size <= LARGEST_SHARD) or size != int(size):
        raise ValueError(f"shard_size is {str(size)[:40]}")  # model_signing writes a whole number as 4.0
    ignore = tuple(_path(_text(item)) for item in _list(found.get("ignore_paths", []), "ignore_paths"))
    return Recipe(method, hash_type, int(size), links, ignore)


def _part(plain: Json, recipe: Recipe) -> Part:
    found = _only(plain, "name", "algorithm", "digest")
    name, digest = _text(found["name"]), _text(found["digest"])
    if found["algorithm"] != recipe.algorithm:
        raise ValueError(f"{name[:200]!r} has a {str(found['algorithm'])[:40]!r}, expected {recipe.algorithm!r}")
    if not _HEX.fullmatch(digest) or len(digest) != 2 * DIGEST_BYTES[recipe.hash_type]:
        raise ValueError(f"{name[:200]!r}: not a digest of {recipe.hash_type} in lower-case hex")
    if recipe.method == "files":
        return Part(name if name == "." else _path(name), 0, None, digest)
    path, *ends = name.rsplit(":", 2)
    if len(ends) != 2 or not all(_number(end) for end in ends):
        raise ValueError(f"{name[:200]!r} is not a shard, PATH:START:END")
    return Part(path if path == "." else _path(path), int(ends[0]), int(ends[1]), digest)


def _whole(claim: Claim) -> None:
    """Raise ValueError unless every file is there once and its shards leave no hole, and nothing is ignored as well."""
    files, size = claim.files(), claim.recipe.shard_size
    if "." in files and len(files) > 1:
        raise ValueError("it is about one file and about a folder")
    ignored = frozenset(claim.recipe.ignore)
    for path, parts in files.items():
        if ignored and not ignored.isdisjoint(above(path)):
            raise ValueError(f"{path[:200]!r} is both listed and left out")
        if size == 0 and len(parts) > 1:
            raise ValueError(f"{path[:200]!r} is listed {len(parts)} times")
        if size:
            _unbroken(path, parts, size)


def _unbroken(path: str, parts: list[Part], size: int) -> None:
    at = 0
    for i, part in enumerate(parts):
        length = (part.end or 0) - part.start
        full = length == size or (i == len(parts) - 1 and 0 < length <= size)
        if part.start != at or not full:
            raise ValueError(f"{path[:200]!r}: its shards leave a hole, overlap or are out of order")
        at += length


def above(path: str) -> Iterator[str]:
    """A path and every folder above it.

    >>> list(above("a/b/c"))
    ['a/b/c', 'a/b', 'a']
    """
    while path:
        yield path
        path = path.rpartition("/")[0]


def _path(name: str) -> str:
    """The name, if it is the one way to write a path inside a folder."""
    if not 0 < len(name) <= LONGEST_NAME or "\0" in name or any(step in ("", ".", "..") for step in name.split("/")):
        raise ValueError(f"{name[:200]!r} is not a plain path inside the model")
    return name


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20 and (text == "0" or text[0] != "0")


def _only(plain: Json, *names: str) -> Mapping[str, Json]:
    if not isinstance(plain, dict) or set(plain) != set(names):
        raise ValueError("expected an object of exactly " + ", ".join(names))
    return plain


def _list(plain: Json, what: str) -> list[Json]:
    if not isinstance(plain, list):
        raise ValueError(f"{what} is not a list")
    return plain


def _text(plain: Json) -> str:
    if not isinstance(plain, str):
        raise ValueError(f"expected a string, got {type(plain).__name__}")
    return plain
