"""CatBoost's .cbm: a flatbuffer of trees, then tables of categories; every tree held to its bounds.

CatBoost verifies the flatbuffer, and then follows splits, leaves and steps without looking. Source: CatBoost's
`libs/model/flatbuffers/*.fbs` (`packs/catboost_tables.json`) and `libs/model/model.cpp`. How it processes texts and
embeddings is not read, and told so.
"""

from __future__ import annotations

import struct

from ...core.errors import UnsupportedError
from ...core.nouns import Severity
from ..walk import Walk, join, printable
from .flatbuffer import Table, Tables, Tour, Trail, steps
from .graphs import Teller
from .opcodes import Broken

MARK, HEAD = b"CBM1", 8
CATEGORIES = b"static_provider_v1"
PER_BUCKET = 254
"""Borders of one feature that a byte can tell apart; more of them take more bytes."""
DEEPEST = 30
NO_LEAF = 0xFFFFFFFF
REMEDY = "ask what they are: CatBoost does not read them"


def sniff(data: memoryview) -> bool:
    """Whether this begins with CatBoost's mark."""
    return bytes(data[:4]) == MARK


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Walk the trees, and the tables behind them. Raises Broken, UnsupportedError."""
    size = int.from_bytes(data[4:8], "little")
    if len(data) < HEAD or size > len(data) - HEAD:
        raise Broken(f"the model says that it has {size} bytes", 4)
    teller = Teller(walk, path, "catboost")
    parts: list[bytes] = []
    try:
        _tables(walk, teller, data[HEAD : HEAD + size], "TModelCore", parts)
        end = HEAD + size
        for part in parts:
            if part.rstrip(b"\0") != CATEGORIES:
                raise UnsupportedError(f"its part {printable(part.decode('latin-1'))!r} is not read")
            end = _categories(walk, teller, data, end)
    finally:
        teller.finish()
    if end < len(data):
        what = f"{len(data) - end} bytes follow the model"
        teller.flaw("trailing", Severity.HIGH, f"byte {end}", what, REMEDY, ("CWE-506",))
        walk.enter(data[end:], join(path, f"byte {end}"))


def _tables(walk: Walk, teller: Teller, data: memoryview, root: str, parts: list[bytes]) -> None:
    """Every table of one flatbuffer, to its last byte. Raises Broken."""
    tour = Tour(Tables("catboost"), data, steps(walk, data), text=teller.text)

    def core(table: Table, trail: Trail) -> None:
        if "ModelPartIds" in table:
            for place in tour.items(*table.places["ModelPartIds"]):
                begin, count = tour.vector(tour.follow(place), 1)
                parts.append(bytes(data[begin : begin + count]))

    tour.go(root, {"TModelCore": core, "TModelTrees": _trees}, mark=False)
    for odd, trail in tour.odd.items():
        teller.odd(odd, trail)
    for begin, end in [*tour.gaps()[:20], *([(tour.end, len(data))] if any(data[tour.end :]) else [])]:
        what = f"bytes {begin} to {end} belong to no part of the model"
        teller.flaw("unread", Severity.MEDIUM, f"byte {HEAD + begin}", what, REMEDY, ("CWE-506",))


def _categories(walk: Walk, teller: Teller, data: memoryview, at: int) -> int:
    """A count, then as many flatbuffers with their sizes. Where they end. Raises Broken."""
    count, at = _number(data, at), at + 4
    for _ in range(count):
        size, at = _number(data, at), at + 4
        if size > len(data) - at:
            raise Broken("a table of categories is cut", at)
        _tables(walk, teller, data[at : at + size], "TCtrValueTable", [])
        at += size
    return at


def _number(data: memoryview, at: int) -> int:
    if at + 4 > len(data):
        raise Broken("the model is cut", at)
    return int.from_bytes(data[at : at + 4], "little")


def _trees(table: Table, trail: Trail) -> None:
    """Hold all trees to their bounds. Raises Broken."""
    splits, sizes, starts = (table.numbers(name) for name in ("TreeSplits", "TreeSizes", "TreeStartOffsets"))
    if sum(sizes) != len(splits) or min(sizes, default=0) < 0:
        raise Broken("the trees do not have the splits that they say")
    ends = [begin + size for begin, size in zip(starts, sizes, strict=False)]
    if starts and (len(starts) != len(sizes) or starts != [0, *ends[:-1]]):
        raise Broken("the trees do not begin where they say")
    bins, buckets = _bins(table)
    if any(not 0 <= split < max(bins, 1) for split in splits):
        raise Broken(f"a split is by a border beyond the {bins} of the model")
    repacked = table.bytes("RepackedBins")
    if any(feature >= max(buckets, 1) for feature, _, _ in struct.iter_unpack("<HBB", repacked)):
        raise Broken(f"a split is by a feature beyond the {buckets} of the model")
    dimension, leaves = table.number("ApproxDimension"), table.count("LeafValues")
    if dimension < 1:
        raise Broken("the model predicts nothing")
    if table.count("NonSymmetricStepNodes"):
        _steps(table, sizes, leaves)
    elif max(sizes, default=0) > DEEPEST or sum(1 << size for size in sizes) * dimension != leaves:
        raise Broken("the leaves are not as many as the trees have")


def _steps(table: Table, sizes: list[int], leaves: int) -> None:
    """Trees that are not symmetric: from a node one steps to the left or right, or to nothing: then it is a leaf."""
    raw, ids = table.bytes("NonSymmetricStepNodes"), table.numbers("NonSymmetricNodeIdToLeafId")
    if len(raw) != 4 * sum(sizes) or len(ids) != sum(sizes):
        raise Broken("the steps are not as many as the splits")
    if any(leaf != NO_LEAF and leaf >= leaves for leaf in ids):
        raise Broken("a leaf is beyond the values of the model")
    pairs, node = struct.iter_unpack("<HH", raw), 0
    for size in sizes:
        end = node + size
        for here in range(node, end):
            left, right = next(pairs)
            if here + max(left, right) >= end or (ids[here] == NO_LEAF and not (left and right)):
                raise Broken("a step leads out of its tree, or to no leaf")
        node = end


def _bins(table: Table) -> tuple[int, int]:
    """Borders of all features, and the bytes that a row's features take."""
    counts = []
    for name in ("FloatFeatures", "EstimatedFeatures", "OneHotFeatures", "CtrFeatures"):
        many = "Values" if name == "OneHotFeatures" else "Borders"
        counts += [feature.count(many) for feature in table.tables(name)]
    return sum(counts), sum(-(-count // PER_BUCKET) for count in counts)
