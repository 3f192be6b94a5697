"""Verify a model against its signature, and say file by file what is not as it was signed.

    signed = by_keys([key])(content)        # who signed; raises when nobody that is trusted did
    found = compare(model, read_statement(signed.payload))
    holds(found)                            # raises unless the model is the one that was signed
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..core.errors import VerificationError
from ..core.limits import Limits
from ..core.ports import Progress, silent
from .manifest import Entry, Found
from .sign import STREAMED, parts_of, seen_in
from .signature import Claim, Part, above

SHOWN_RANGES = 4
"""Changed shards of a file that are named; the others are counted."""


@dataclass(frozen=True)
class Change:
    """A file that is not as it was signed. kind: added, removed, changed or renamed.

    size: in bytes now, if it is there. was: of a renamed file, its signed path. detail: what is known, for people.
    """

    kind: str
    path: str
    size: int | None
    detail: str
    was: str = ""


@dataclass(frozen=True)
class Comparison:
    """A model held against a claim. uncovered: what is there and the claim says nothing about."""

    claim: Claim
    changes: tuple[Change, ...]
    uncovered: tuple[str, ...]
    files: int
    size: int


def compare(
    model: Path,
    claim: Claim,
    *,
    limits: Limits = STREAMED,
    progress: Progress = silent,
    allow_symlinks: bool = False,
    ignore: Sequence[str] = (),
    known: Mapping[str, Entry] | None = None,
) -> Comparison:
    """Read a model as the claim says it was read, and compare.

    ignore: paths in the model that are knowingly not looked at, such as the signature file itself. allow_symlinks:
    follow links although the signer's model had none. known: digests that were made already.
    Costs one pass over the files that the claim names. Raises InputError for what cannot be read.
    """
    how = replace(claim.recipe, allow_symlinks=claim.recipe.allow_symlinks or allow_symlinks)
    skipped = frozenset(ignore)
    seen = seen_in(model, how, limits, ignore)
    signed = {p: parts for p, parts in claim.files().items() if skipped.isdisjoint(above(p))}
    there = {f.path or ".": f for f in seen.files}
    hashed = _hash(there, signed, claim, progress, known)
    changes = (*_unlike(signed, there, hashed), *_moved(signed, there, hashed, seen.empty))
    left_out = tuple(p for p in (*claim.recipe.ignore, *ignore) if _is_there(model, p))
    uncovered = (*left_out, *(p for p in seen.empty if p not in signed))
    return Comparison(claim, changes, uncovered, len(signed), sum(f.size for f in there.values()))


def holds(comparison: Comparison) -> Comparison:
    """The comparison, when nothing changed. Raises VerificationError (altered-model) that names what did."""
    if not comparison.changes:
        return comparison
    first = comparison.changes[0]
    more = f", and {len(comparison.changes) - 1} more" if len(comparison.changes) > 1 else ""
    raise VerificationError(
        f"the model is not what was signed: {first.path} is {first.kind}{more}",
        reason="altered-model",
        hint="get the model again from its source",
    )


def _hash(
    there: Mapping[str, Found],
    signed: Mapping[str, list[Part]],
    claim: Claim,
    progress: Progress,
    known: Mapping[str, Entry] | None,
) -> Mapping[str, list[Part]]:
    """The parts of the files that are there and named; of all when some are missing, since they may have moved."""
    moved = any(path not in there for path in signed)
    wanted = [found for path, found in there.items() if moved or path in signed]
    parts = parts_of(wanted, claim.recipe, progress, known)
    return Claim(claim.name, claim.recipe, tuple(parts)).files()


def _unlike(
    signed: Mapping[str, list[Part]], there: Mapping[str, Found], hashed: Mapping[str, list[Part]]
) -> list[Change]:
    found = []
    for path, parts in signed.items():
        if path in there and hashed[path] != parts:
            found.append(Change("changed", path, there[path].size, _difference(parts, hashed[path])))
    return found


def _moved(
    signed: Mapping[str, list[Part]],
    there: Mapping[str, Found],
    hashed: Mapping[str, list[Part]],
    empty: Sequence[str],
) -> list[Change]:
    """What was removed, added, or both: renamed. empty: files without a byte, which shards cannot name."""
    gone = {_content(parts): path for path, parts in signed.items() if path not in there}
    missing, found = {path for path in signed if path not in there}, []
    for path, item in there.items():
        if path in signed:
            continue
        was = gone.pop(_content(hashed[path]), "") if path in hashed else ""
        missing.discard(was)
        kind, detail = ("renamed", f"was {was}") if was else ("added", "not in the signature")
        found.append(Change(kind, path, item.size, detail, was))
    for path in sorted(missing):
        kind, size = ("changed", 0) if path in empty else ("removed", None)
        found.append(Change(kind, path, size, _was(signed[path])))
    return found


def _content(parts: Sequence[Part]) -> tuple[tuple[int, int | None, str], ...]:
    return tuple((p.start, p.end, p.digest) for p in parts)


def _is_there(model: Path, inside: str) -> bool:
    place = model / inside
    return place.exists() or place.is_symlink()


def _was(parts: Sequence[Part]) -> str:
    return f"was {parts[-1].end} bytes" if parts[-1].end is not None else f"signed {parts[0].digest[:16]}…"


def _difference(signed: Sequence[Part], now: Sequence[Part]) -> str:
    if signed[0].end is None:
        return f"signed {signed[0].digest[:16]}…, now {now[0].digest[:16]}…"
    theirs = {(p.start, p.end): p.digest for p in now}
    ranges = [f"{p.start}-{p.end}" for p in signed if theirs.get((p.start, p.end)) != p.digest]
    more = f" and {len(ranges) - SHOWN_RANGES} more" if len(ranges) > SHOWN_RANGES else ""
    where = ", ".join(ranges[:SHOWN_RANGES]) or "the end"
    return f"was {signed[-1].end} bytes; differs in {where}{more}"
