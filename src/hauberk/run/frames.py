"""Frames over a pipe: four bytes of length, big-endian, then canonical JSON.

>>> reader = FrameReader()
>>> wire = frame({"n": 1}) + frame([True])
>>> list(reader.feed(wire[:7])), list(reader.feed(wire[7:]))
([], [{'n': 1}, [True]])
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from hauberk.core.canon import Json, canonical, parse_json
from hauberk.core.errors import LimitExceeded

MAX_FRAME_BYTES = 256 << 20
"""No evidence comes near this; a broken or hostile peer must not be able to fill the memory."""

_HEAD = struct.Struct(">I")


def frame(value: Json) -> bytes:
    """The bytes of one frame.

    Raises InputError for what has no canonical JSON, LimitExceeded beyond MAX_FRAME_BYTES.
    """
    return enclose(canonical(value))


def enclose(body: bytes) -> bytes:
    """The frame around bytes that are canonical JSON already. Raises LimitExceeded beyond MAX_FRAME_BYTES."""
    if len(body) > MAX_FRAME_BYTES:
        raise LimitExceeded(f"frame: {len(body)} bytes of JSON, at most {MAX_FRAME_BYTES} are allowed")
    return _HEAD.pack(len(body)) + body


class FrameReader:
    """Cuts a stream of bytes into frames, whatever pieces it arrives in."""

    def __init__(self, max_bytes: int = MAX_FRAME_BYTES) -> None:
        self._max_bytes = max_bytes
        self._buffer = bytearray()

    @property
    def waiting(self) -> int:
        """Bytes of a frame that has not wholly arrived."""
        return len(self._buffer)

    def feed(self, piece: bytes) -> Iterator[Json]:
        """The frames that `piece` completes.

        Raises LimitExceeded for a frame that announces too many bytes, InputError for one that is not JSON.
        """
        self._buffer += piece
        while (end := self._end()) is not None:
            body = bytes(memoryview(self._buffer)[_HEAD.size : end])
            del self._buffer[:end]
            yield parse_json(body, what="frame")

    def _end(self) -> int | None:
        if len(self._buffer) < _HEAD.size:
            return None
        (length,) = _HEAD.unpack_from(self._buffer)
        if length > self._max_bytes:
            raise LimitExceeded(f"frame: it announces {length} bytes, at most {self._max_bytes} are allowed")
        end = _HEAD.size + length
        return end if len(self._buffer) >= end else None
