"""Labels at the ends of lines, pushed apart so that none covers another."""

from __future__ import annotations

from dataclasses import dataclass, replace

ROW = 14
GAP = 3


@dataclass(frozen=True)
class Label:
    """rows: the words; x, y: where its line ends; order: breaks ties (the line's mean height); style: its class;
    edge: where the plot ends; top: where the words start."""

    rows: tuple[str, ...]
    x: float
    y: float
    order: float
    style: str
    edge: float
    top: float = 0.0

    @property
    def height(self) -> float:
        """Pixels that the rows take."""
        return ROW * len(self.rows)


def wrapped(words: str, width: int = 17, rows: int = 3) -> tuple[str, ...]:
    """Words in at most `rows` lines of about `width` characters; what does not fit is cut with a dot.

    >>> wrapped("APGD-CE + APGD-T (white box)")
    ('APGD-CE + APGD-T', '(white box)')
    """
    lines = [""]
    for word in words.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    cut = [line if len(line) <= width + 3 else line[: width + 2] + "…" for line in lines[:rows]]
    return (*cut[:-1], cut[-1] + ("…" if len(lines) > rows else ""))


def placed(labels: list[Label], top: float, bottom: float) -> list[Label]:
    """The labels with their tops set: as near to their lines as fits, in the order of the lines.

    >>> a, b = Label(("a",), 0, 50, 1, "", 9), Label(("b",), 0, 50, 2, "", 9)
    >>> [round(one.top) for one in placed([b, a], 0, 100)]
    [43, 60]
    """
    ordered = sorted(labels, key=lambda one: (one.y, one.order))
    done: list[Label] = []
    floor = top - ROW
    for one in ordered:
        start = max(floor, one.y - ROW / 2)
        done.append(replace(one, top=start))
        floor = start + one.height + GAP
    return _lifted(done, bottom + ROW)


def _lifted(labels: list[Label], bottom: float) -> list[Label]:
    """Push up what would fall below the plot."""
    lifted: list[Label] = []
    for one in reversed(labels):
        start = min(one.top, bottom - one.height)
        lifted.append(replace(one, top=start))
        bottom = start - GAP
    return lifted[::-1]
