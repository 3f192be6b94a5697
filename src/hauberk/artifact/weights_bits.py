"""Bytes hidden in the low bits of weights: what can be seen of them, and what cannot.

The low bits of trained weights are noise, and so are those of a payload that is encrypted or compressed: nothing here
claims to tell them apart. A payload that is *structured* (text, source, a program, anything with a known beginning)
leaves marks that noise does not:

- *order*: bytes packed out of k low bits a weight are less random than the same bits after the weights are shuffled.
  Honest low bits may be uneven, but they do not know where their weight stands.
- *depth*: within one symbol of k bits, whatever stands above its trailing zeros is even in honest weights: rounding
  makes trailing zeros, never letters.
- *a beginning*: the first bytes of a known file format, in any depth and order of bits.
- *a seam*: a run of weights at full precision in a tensor that is otherwise rounded (half precision in float32).

A block is examined only if its weights are at full precision (nearly all different) and not smooth (a table of sines
has order of its own); the others are counted as not examined. Arrays are NumPy's.

>>> import numpy as np
>>> w = np.random.default_rng(0).normal(size=65536).astype("<f4").view("<u4")
>>> examine(w, 23).suspicion is None
True
>>> text = np.unpackbits(np.frombuffer(open(__file__, "rb").read()[:8000], np.uint8))
>>> w[: len(text)] = w[: len(text)] & ~np.uint32(1) | text
>>> examine(w, 23).suspicion.what
'text'
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..core.errors import need
from .weights_marks import beginning

BLOCK = 4096
"""Weights judged together: 512 bytes of payload at one bit a weight, enough for a histogram of bytes."""
SMALLEST = 1024
"""Fewer weights hold less than 128 bytes at one bit a weight; they are not examined."""
CHUNK = 256
"""Blocks examined at once: a million weights, some tens of megabytes of scratch."""
DEPTHS = (1, 2, 4, 8)
"""Bits a weight that divide a byte; payloads of 3, 5, 6 and 7 show in these too (the benchmark measures it)."""
DIFFERENT, SMOOTH = 0.9, 0.5
"""At full precision 90 % of a block's values differ; weights of which neighbours resemble each other are a table."""
ENOUGH = 1.0
"""Bits of entropy a byte that order or depth must explain. Text explains 2 to 4; of 8,000 blocks of honest models (see
benchmarks/README.md) the strangest explains 0.64."""
HEAD = 1 << 16
"""Weights at the start of a tensor in which beginnings are looked for."""
COARSE_BITS, SEAM = 8, 4
"""Low bits that are all zero in rounded weights; blocks of 64 of each kind that make a seam."""


@dataclass(frozen=True)
class Suspicion:
    """Something that honest weights do not show. mark: order, depth, beginning or seam. depth: bits a weight.

    at: the first weight of it. share: of the blocks that were examined. what: in words.
    """

    mark: str
    depth: int
    at: int
    share: float
    what: str


@dataclass(frozen=True)
class Examined:
    """What one tensor showed. blocks: that were examined, of all."""

    blocks: int
    all_blocks: int
    suspicion: Suspicion | None = None


def examine(words: Any, mantissa: int) -> Examined:
    """Look at one tensor. words: (n,) uint32 or uint16, the bits of its numbers; mantissa: how many are fraction.

    Costs about 0.3 CPU seconds and 60 MB for each million weights.
    """
    total = -(-len(words) // BLOCK) if len(words) >= SMALLEST else 0
    head = words[:HEAD].reshape(1, -1)
    texts = bool(len(words)) and bool(_alike(head, mantissa)[0] < SMOOTH)
    if (found := beginning(words[:HEAD], mantissa, texts=texts)) is not None:
        return Examined(0, total, Suspicion("beginning", found.depth, 0, 0.0, found.what))
    if (seam := _seam(words)) is not None:
        return Examined(0, total, seam)
    examined, hits = 0, list[tuple[float, int, int, str]]()
    for start, blocks in _chunks(words):
        fine = _fine(blocks, mantissa)
        examined += int(fine.sum())
        if fine.any():
            hits += _strange(blocks[fine], start + fine.nonzero()[0] * BLOCK, mantissa)
    if not hits:
        return Examined(examined, total)
    first, (score, depth, _, mark) = min(h[2] for h in hits), max(hits)
    what = f"{mark} explains {score:.1f} of the 8 bits of every byte packed from {depth} low bits a weight"
    return Examined(examined, total, Suspicion(mark, depth, first, len({h[2] for h in hits}) / examined, what))


def _chunks(words: Any) -> Iterator[tuple[int, Any]]:
    """(first weight, blocks) of the whole tensor; the last block overlaps the one before."""
    whole = len(words) // BLOCK
    for at in range(0, whole, CHUNK):
        n = min(CHUNK, whole - at)
        yield at * BLOCK, words[at * BLOCK : (at + n) * BLOCK].reshape(n, BLOCK)
    rest = len(words) - whole * BLOCK
    if whole and rest:
        yield len(words) - BLOCK, words[-BLOCK:].reshape(1, BLOCK)
    elif not whole and rest >= SMALLEST:
        yield 0, words[: rest // 8 * 8].reshape(1, -1)


def _fine(blocks: Any, mantissa: int) -> Any:
    """(n,) bool: which blocks are weights at full precision, and no smooth table."""
    np = need("numpy", extra="audit")
    different = 1 + (np.diff(np.sort(blocks, axis=1), axis=1) != 0).sum(axis=1)
    wanted = _distinct(blocks.shape[1], mantissa)
    return (different >= wanted) & (_alike(blocks, mantissa) < SMOOTH)


def _alike(blocks: Any, mantissa: int) -> Any:
    """(n,) how much neighbours resemble each other, 0 to 1; 1 where that has no meaning."""
    np = need("numpy", extra="audit")
    values = _values(blocks, mantissa)
    with np.errstate(all="ignore"):
        centred = values - values.mean(axis=1, keepdims=True)
        alike = np.abs((centred[:, 1:] * centred[:, :-1]).sum(axis=1)) / (centred**2).sum(axis=1)
    return np.where(np.isfinite(alike), alike, 1.0)


def _distinct(n: int, mantissa: int) -> float:
    """Different values that n weights of full precision have at the least.

    A half-precision number has few fractions to choose from: n of them drawn evenly from about 3 octaves of both
    signs give m (1 - exp(-n / m)) different ones.
    """
    import math

    choices = 6 * (1 << mantissa)
    return DIFFERENT * choices * (1 - math.exp(-n / choices)) * (1 if mantissa > 12 else 0.7)


def _values(blocks: Any, mantissa: int) -> Any:
    np = need("numpy", extra="audit")
    if mantissa == 23:
        return blocks.view("<f4").astype(np.float64)
    if mantissa == 10:
        return blocks.view("<f2").astype(np.float64)
    if mantissa == 7:
        return (blocks.astype(np.uint32) << 16).view("<f4").astype(np.float64)
    return blocks.astype(np.float64)


def _strange(blocks: Any, at: Any, mantissa: int) -> list[tuple[float, int, int, str]]:
    """(score, depth, first weight, mark) of every block and depth that shows order or depth."""
    np = need("numpy", extra="audit")
    shuffle = np.random.default_rng(0).permutation(blocks.shape[1])
    hits = []
    for depth in DEPTHS:
        if depth > mantissa - 3:  # the bits above are the value itself
            break
        symbols = (blocks & ((1 << depth) - 1)).astype(np.uint8)
        packed = _packed(symbols, depth)
        scores = {"order": _entropy(_packed(symbols[:, shuffle], depth), 256) - _entropy(packed, 256)}
        if depth > 1:
            scores["depth"] = _depth(symbols, depth) * 8 / depth
        for mark, score in scores.items():
            hits += [(float(score[i]), depth, int(at[i]), mark) for i in (score > ENOUGH).nonzero()[0]]
    return hits


def _packed(symbols: Any, depth: int) -> Any:
    """(n, bytes): symbols of `depth` bits put together, first symbol in the high bits."""
    step = 8 // depth
    whole = symbols[:, : symbols.shape[1] // step * step].reshape(len(symbols), -1, step)
    out = whole[:, :, 0].copy()
    for i in range(1, step):
        out = (out << depth) | whole[:, :, i]
    return out


def _entropy(values: Any, kinds: int) -> Any:
    """(n,) bits of entropy of each row."""
    np = need("numpy", extra="audit")
    rows, width = values.shape
    flat = (np.arange(rows)[:, None] * kinds + values).ravel()
    share = np.bincount(flat, minlength=rows * kinds).reshape(rows, kinds) / width
    return -(share * np.log2(np.where(share > 0, share, 1))).sum(axis=1)


def _depth(symbols: Any, depth: int) -> Any:
    """(n,) bits a symbol that are missing from what its trailing zeros leave open."""
    np = need("numpy", extra="audit")
    zeros = np.array([depth if s == 0 else (s & -s).bit_length() - 1 for s in range(1 << depth)], np.uint8)
    kinds = zeros[symbols]
    room = np.array([depth - 1 - z if z < depth else 0 for z in range(depth + 1)], np.float64)
    left_open = _entropy(kinds, depth + 1) + room[kinds].mean(axis=1)
    bias = ((1 << depth) - 1 - depth) / (2 * symbols.shape[1] * 0.6931)  # Miller and Madow's, of the plain estimate
    return left_open - _entropy(symbols, 1 << depth) - bias


def _seam(words: Any) -> Suspicion | None:
    """A run at full precision in a tensor whose other weights are rounded to zeros in their low bits."""
    np = need("numpy", extra="audit")
    n = len(words) // 64
    if words.dtype.itemsize < 4 or n < 4 * SEAM:
        return None
    blocks = words[: n * 64].reshape(n, 64)
    rounded = ((blocks & ((1 << COARSE_BITS) - 1)) == 0).mean(axis=1)
    coarse, fine = rounded >= 0.98, rounded <= 0.1
    if coarse.sum() < max(SEAM, n // 20) or fine.sum() < SEAM or coarse.sum() + fine.sum() < 0.95 * n:
        return None
    edges = int((np.diff(fine.astype(np.int8)) != 0).sum())
    if edges > 2 or len(np.unique(blocks[coarse])) < 64 * SEAM or _smooth(blocks[fine]):
        return None
    at, run = int(fine.argmax()) * 64, int(fine.sum()) * 64
    what = f"{run} weights from {at} on are at full precision, the other {int(coarse.sum()) * 64} rounded"
    return Suspicion("seam", COARSE_BITS, at, float(fine.mean()), what)


def _smooth(blocks: Any) -> bool:
    return not _fine(blocks.reshape(1, -1), 23).any()
