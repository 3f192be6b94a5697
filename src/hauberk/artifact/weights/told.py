"""What a conversion tells: what it took, what it left, what it did not run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass
class Call:
    """A call that was not run. use: call, or new for an instance of a class; at: the first opcode; given: in words."""

    use: str
    at: int
    given: str
    times: int = 0


@dataclass(frozen=True)
class Left:
    """Something that was not taken along, and what it is."""

    path: str
    what: str


@dataclass(frozen=True)
class Converted:
    """What was done. source, digest: of the very bytes that were read, and of those that were written.

    form: what the source is. tensors: (type, shape) by name, in the order of the source. left: what was not taken
    along. calls: what loading would have called beside what makes tensors, by name.
    """

    source: str
    digest: str
    size: int
    form: str
    tensors: Mapping[str, tuple[str, tuple[int, ...]]]
    left: tuple[Left, ...]
    calls: Mapping[str, Call]
