"""How well the search for hidden bytes works on this very model: plant some in its own weights and look.

Windows of examined weights are copied, bytes with structure (source text, Python bytecode) are written into their low
bits at 1, 2, 4 or 8 bits a weight, and the same search is run. The control arm writes as many random bytes, which is
what encrypted or compressed ones look like: it shows that a payload is not found because something was written.
"""

from __future__ import annotations

import marshal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.errors import need
from .weights_bits import BLOCK, DEPTHS, examine

WINDOW = 4 * BLOCK
"""Weights copied for one trial; the payload fills a quarter of them, anywhere."""


@dataclass
class Reservoir:
    """Windows drawn evenly from all that were offered. wanted: how many at most."""

    wanted: int
    seed: int
    kept: list[tuple[Any, int]] = field(default_factory=list)
    offered: int = 0

    def offer(self, words: Any, mantissa: int) -> None:
        """Offer one window of a tensor in which nothing was found."""
        np = need("numpy", extra="audit")
        if len(words) < WINDOW:
            return
        draw = np.random.default_rng((self.seed, self.offered))
        self.offered += 1
        at = int(draw.integers(0, len(words) - WINDOW + 1))
        if len(self.kept) < self.wanted:
            self.kept.append((words[at : at + WINDOW].copy(), mantissa))
        elif (slot := int(draw.integers(0, self.offered))) < self.wanted:
            self.kept[slot] = (words[at : at + WINDOW].copy(), mantissa)


@dataclass(frozen=True)
class Power:
    """trials: with a payload, and as many without. found, alarms: how often the search said something."""

    trials: int
    found: int
    alarms: int


def power(reservoir: Reservoir) -> Power:
    """Plant and look. Costs about 0.02 CPU seconds a trial, two trials a window."""
    np = need("numpy", extra="audit")
    trials = found = alarms = 0
    source = Path(__file__).read_bytes()
    kinds = (source, marshal.dumps(compile(source, "planted", "exec")))
    for i, (words, mantissa) in enumerate(reservoir.kept):
        depth = [d for d in DEPTHS if d <= mantissa - 3][i % sum(d <= mantissa - 3 for d in DEPTHS)]
        draw = np.random.default_rng((reservoir.seed, i, 1))
        at, size = int(draw.integers(0, WINDOW - BLOCK + 1)), BLOCK * depth // 8
        payload = (kinds[i // len(DEPTHS) % 2] * (1 + size // 1024))[:size]
        trials += 1
        found += examine(planted(words, payload, depth, at), mantissa).suspicion is not None
        alarms += examine(planted(words, draw.bytes(size), depth, at), mantissa).suspicion is not None
    return Power(trials, found, alarms)


def planted(words: Any, payload: bytes, depth: int, at: int, *, low_first: bool = False) -> Any:
    """A copy of words (uint32 or uint16) with a payload in the lowest `depth` bits of those from `at` on."""
    np = need("numpy", extra="audit")
    bits = np.unpackbits(np.frombuffer(payload, np.uint8), bitorder="little" if low_first else "big")
    bits = bits[: len(bits) // depth * depth].reshape(-1, depth)[: len(words) - at]
    places = np.arange(depth) if low_first else np.arange(depth)[::-1]
    symbols = (bits.astype(words.dtype) << places.astype(words.dtype)).sum(axis=1, dtype=words.dtype)
    out = words.copy()
    out[at : at + len(symbols)] = (out[at : at + len(symbols)] >> depth << depth) | symbols
    return out
