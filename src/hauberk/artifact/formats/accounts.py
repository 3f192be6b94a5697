"""The account of a file of tables: what is odd, which bytes belong to no part or to two, and what stands behind it."""

from __future__ import annotations

from ...core.nouns import Severity
from ..walk import join
from .flatbuffer import Tour
from .graphs import Teller
from .payload import begins

MAX_TOLD = 20
REMEDY = "ask what they are: no runtime reads them"


def accounts(tour: Tour, teller: Teller, what: str = "") -> None:
    """Tell of odd parts, and of bytes that belong to none or to two. what: where the tables stand, as a prefix."""
    for odd, trail in tour.odd.items():
        teller.odd(what + odd, trail)
    for begin, end in tour.gaps()[:MAX_TOLD]:
        message = f"{what}bytes {begin} to {end} belong to no part of the model"
        teller.flaw("unread", Severity.MEDIUM, f"{what}byte {begin}", message, REMEDY, ("CWE-506",))
        if begins(teller.walk, tour.data[begin:end]):
            teller.blob(tour.data[begin:end], f"byte {begin}")
    for begin, _ in tour.overlaps()[:1]:
        teller.odd(f"{what}two parts share bytes", f"byte {begin}")


def tail(teller: Teller, data: memoryview, end: int, zeros: int = 0) -> None:
    """Tell of bytes behind the last part, and walk them; that many zeros may align the end."""
    rest = data[end:]
    if len(rest) <= zeros and not bytes(rest).strip(b"\0"):
        return
    message = f"{len(rest)} bytes stand behind the model"
    teller.flaw("trailing", Severity.HIGH, f"byte {end}", message, REMEDY, ("CWE-506",))
    teller.walk.enter(rest, join(teller.path, f"byte {end}"))
