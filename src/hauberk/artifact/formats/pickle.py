"""Pickle: what loading would import, call and set, each judged; nothing is loaded.

Reads every stream of a file. A stream that breaks is reported with what would already have run before it broke.
"""

from __future__ import annotations

from typing import Any

from ...core.nouns import Place, Severity
from ..verdicts import Standing
from ..walk import Walk
from .inspector import Inspector, inspect
from .machine import COPIED_MAX, Machine
from .opcodes import Broken

TORCH = b"\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19"
"""LONG1 of the number 0x1950a86a20f9469cfc6c, torch.serialization.MAGIC_NUMBER."""

TRIAL_OPCODES, TRIAL_LINE = 1_000_000, 1 << 24
"""How far bytes of no known format are followed before they count as a pickle, and their longest line."""

PROTOCOLS = tuple(bytes((0x80, n)) for n in range(6))


def sniff(data: memoryview) -> bool:
    """Whether bytes begin as a pickle of protocol 2 or later. Older ones have no mark of their own."""
    return bytes(data[:2]) in PROTOCOLS


class Trial(Inspector):
    """An inspector of bytes that may be anything: those of a zip begin with an opcode that asks for an object."""

    def persistent(self, pid: Any, at: int) -> Any:
        if isinstance(pid, str) and pid.startswith(("K\x03\x04", "K\x05\x06")):
            raise Broken("this is a zip, whose mark asks for an object by the rest of its first line", at)
        return super().persistent(pid, at)


PADDING, PADDING_MAX = b"\0 \t\r\n", 512
"""Bytes behind the last pickle that say nothing: no opcode is among them."""

STREAM_COST = 50
"""Opcodes that take as long as setting up the walk of one stream."""


def is_pickle(walk: Walk, data: memoryview) -> bool:
    """Whether bytes that nothing calls a pickle are one: they end as one, or are about to do harm before they break."""
    if not walk.opcodes_left:
        walk.skip("further programs", f"more than {walk.work.most_opcodes} opcodes")
        return False
    inspector = Trial(walk.trial(), "", nested=False)
    machine = Machine(data, 0, inspector, min(TRIAL_OPCODES, walk.opcodes_left))
    machine.max_line = TRIAL_LINE
    try:
        machine.run()
    except Broken:
        return inspector.harmful
    finally:
        walk.spend(machine.steps + STREAM_COST)
    return True


def walk(walk: Walk, data: memoryview, path: str, *, loader: str = "pickle") -> None:
    """Walk a pickle file."""
    walk_streams(inspect(walk, path, loader=loader), data)


def walk_streams(inspector: Inspector, data: memoryview, start: int = 0) -> None:
    """Walk every stream of a pickle file."""
    walk = inspector.walk
    if walk.depth >= walk.limits.max_depth:
        walk.skip(inspector.path or "pickle", "pickles are nested too deeply")
        return
    walk.depth += 1
    try:
        _streams(inspector, data, start)
    finally:
        walk.depth -= 1


def _streams(inspector: Inspector, data: memoryview, pos: int) -> None:
    """One after the other: each as a new reader sees it, and as one that kept its memo (`Unpickler.load`, twice)."""
    walk, streams, kept = inspector.walk, 0, None
    if len(data) <= COPIED_MAX:
        data = memoryview(bytes(data))  # once, not once a stream
    while pos < len(data) or not streams:
        if streams and len(data) - pos <= PADDING_MAX and not bytes(data[pos:]).strip(PADDING):
            return
        begin, machine = pos, machine_at(inspector, data, pos)
        error = attempt(machine, inspector)
        if kept:
            again = machine_at(inspector, data, pos)
            again.memo = kept
            if attempt(again, inspector) is None and error:
                machine, error = again, None
        kept = machine.memo if kept is None else kept
        if machine.limited:
            walk.skip(inspector.path or "pickle", f"more than {walk.work.most_opcodes} opcodes")
            return
        pos = machine.pos if machine.ended else len(data)
        if error:
            broken(inspector, error, streams, len(data) - begin)
        streams += 1


def machine_at(inspector: Inspector, data: memoryview, pos: int) -> Machine:
    """A machine for the stream at pos, with the opcodes that the scan may still spend."""
    return Machine(data, pos, inspector, inspector.walk.opcodes_left)


def attempt(machine: Machine, inspector: Inspector) -> Broken | None:
    """Walk one stream, and tell what it does. Returns what is wrong with the stream itself."""
    wrong: Broken | None = None
    inspector.begins(machine)
    try:
        machine.run()
    except Broken as error:
        wrong = error
    inspector.walk.spend(machine.steps + STREAM_COST)
    inspector.finish()
    if machine.strange_memo:
        _memory(inspector, machine)
    inspector.ends(machine, wrong := wrong or machine.late)
    return wrong


def _memory(inspector: Inspector, machine: Machine) -> None:
    place = Place(inspector.path, f"{inspector.prefix}opcode {machine.steps}")
    message = f"loading reserves memory for {max(machine.memo)} memo entries, and the file has {machine.end} bytes"
    remedy = "do not load this file; no honest writer numbers its memo like this"
    inspector.walk.flaw("artifact.pickle.memory", Severity.MEDIUM, place, message, remedy, ("CWE-789",))


def broken(inspector: Inspector, error: Broken, streams: int, size: int) -> None:
    """Report a stream that cannot be read to its end, or that readers do not agree on."""
    place = Place(inspector.path, f"{inspector.prefix}opcode {error.at}")
    remedy = "do not load this file; download it again and compare the digest"
    if streams and inspector.worst is Standing.ALLOWED:
        message = f"{size} bytes follow the last pickle and are none: {error}"
        inspector.walk.flaw("artifact.pickle.trailing", Severity.MEDIUM, place, message, remedy, ("CWE-502",))
    else:
        message = f"the pickle breaks: {error}; whatever stands before that would still run"
        inspector.walk.flaw("artifact.pickle.broken", Severity.HIGH, place, message, remedy, ("CWE-502",))
