"""What may hide in the text and numbers of an HDF5 file: configurations, pickles, programs."""

from __future__ import annotations

import re

from ...core.nouns import Place, Severity
from ..walk import Walk, join, printable
from . import keras, payload, pickle

SHORT, LONG = 4, 63
"""No pickle that calls anything is as short as the one; no file as the other."""
FREE_TRIALS, BYTES_A_TRIAL = 4096, 64
"""Texts of a file that are parsed: so many, and one more for so many of its bytes."""
MIGHT_CALL = re.compile(rb"[\n\x93]")
"""A pickle imports something by GLOBAL and INST, which end lines, or by STACK_GLOBAL; one that does not is data."""
PROGRAMS = re.compile(rb"\x7fELF[\x01\x02][\x01\x02]\x01|#!\s*/|[\xcf\xce]\xfa\xed\xfe|\xca\xfe\xba\xbe")
WINDOWS_HEADER = 0x3C
"""Where a Windows program says where its real header is."""


class Content:
    """Looks at texts and numbers, and tells what they are."""

    def __init__(self, walk: Walk, path: str, size: int) -> None:
        self.walk, self.path = walk, path
        self.left = FREE_TRIALS + size // BYTES_A_TRIAL

    def text(self, text: memoryview, name: str) -> None:
        """A string, or bytes: it may be JSON that a loader obeys, a pickle that PyTables reads, a program."""
        if len(text) < SHORT:
            return
        begin = bytes(text).lstrip()[:1]
        if begin in (b"{", b"["):
            if self._tried():
                self._json(text, name)
        elif (MIGHT_CALL.search(text) or pickle.sniff(text)) and self._tried() and self._pickle(text, name):
            return
        if len(text) > LONG and begin.strip(b"\0"):
            payload.look(self.walk, text, self.path, printable(name))

    def _tried(self) -> bool:
        """Count a text that is to be parsed: no honest file holds so many short ones that look like programs."""
        self.left -= 1
        if self.left == 0:
            self.walk.skip(self.path or "the file", "it has more texts that may be programs than are tried")
        return self.left > 0

    def numbers(self, piece: memoryview, name: str) -> None:
        """Numbers, of which the first bytes are looked at: weights are no program and no pickle."""
        if pickle.sniff(piece):
            self._pickle(piece, name)
        self._program(piece, name)

    def _json(self, text: memoryview, name: str) -> None:
        whole = bytes(text).partition(b"\0")[0]  # the library ends a text there, whatever stands behind
        keras.walk_text(self.walk, memoryview(whole), join(self.path, printable(name)))

    def _pickle(self, text: memoryview, name: str) -> bool:
        """Walk a pickle: PyTables and pandas keep objects so, and load them when they open the file."""
        if not pickle.is_pickle(self.walk, text):
            return False
        place = join(self.path, printable(name))
        self.walk.formats[place] = "pickle"
        pickle.walk(self.walk, memoryview(bytes(text).rstrip(b"\0")), place)
        return True

    def _program(self, text: memoryview, name: str) -> None:
        if is_program(text):
            place = Place(self.path, printable(name))
            remedy = "a model needs no program in it; ask its author why it is there"
            self.walk.flaw("artifact.executable", Severity.HIGH, place, "it begins as a program", remedy, ("CWE-506",))


def is_program(data: memoryview) -> bool:
    """Whether bytes begin as a program: marks long enough not to be met in weights by chance.

    >>> is_program(memoryview(bytes([127, 69, 76, 70, 2, 1, 1]))), is_program(memoryview(b"MZ and no more"))
    (True, False)
    """
    if PROGRAMS.match(bytes(data[:16])):
        return True
    at = int.from_bytes(data[WINDOWS_HEADER : WINDOWS_HEADER + 4], "little")
    return bytes(data[:2]) == b"MZ" and bytes(data[at : at + 4]) == b"PE\0\0"
