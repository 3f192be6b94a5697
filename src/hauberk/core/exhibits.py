"""What evidence shows beside its numbers: curves, tables and pictures, small and inside the signature.

>>> Line("clean", (0.0, 0.1), (0.9, 0.8)).low
()
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .canon import Scalar
from .codec import Frozen, register_form
from .errors import InputError


@dataclass(frozen=True)
class Line(Frozen):
    """One line of a chart; low and high, when given, are the ends of its band."""

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.x) != len(self.y) or any(len(b) not in (0, len(self.x)) for b in (self.low, self.high)):
            raise InputError(f"line {self.label!r}: x, y, low and high differ in length")


@dataclass(frozen=True)
class Chart(Frozen):
    """Lines over one pair of axes. x_scale, y_scale: `linear` or `log`."""

    form: ClassVar[str] = "chart"

    name: str
    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    x_scale: str = "linear"
    y_scale: str = "linear"


@dataclass(frozen=True)
class Table(Frozen):
    """Rows of scalars. marked: (row, column) of cells to point at, such as those an attacker changed."""

    form: ClassVar[str] = "table"

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Scalar, ...], ...]
    marked: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(len(row) != len(self.columns) for row in self.rows):
            raise InputError(f"table {self.name!r}: a row does not have {len(self.columns)} cells")


@dataclass(frozen=True)
class Picture(Frozen):
    """An original and its adversarial twin: base64 of height*width*channels bytes each, 0 black, 255 white."""

    original: str
    changed: str
    before: str
    after: str
    caption: str


@dataclass(frozen=True)
class Strip(Frozen):
    """Pictures of one size. channels: 1 (grey) or 3 (RGB)."""

    form: ClassVar[str] = "strip"

    name: str
    title: str
    height: int
    width: int
    channels: int
    pictures: tuple[Picture, ...]


Exhibit = Chart | Table | Strip
for _form in (Chart, Table, Strip):
    register_form(_form)
