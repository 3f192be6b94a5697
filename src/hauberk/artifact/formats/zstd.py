"""Zstandard, by libzstd: `compression.zstd` of Python 3.14, or its backport. Imported when such bytes are met.

Source of the frame format: RFC 8878.
"""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Any

from ...core.errors import UnsupportedError

FRAME, SKIPPABLE = b"\x28\xb5\x2f\xfd", tuple(bytes((0x50 + n, 0x2A, 0x4D, 0x18)) for n in range(16))
SEEKABLE = b"\xb1\xea\x92\x8f"
WINDOW_LOG = 27
"""The largest window that a decoder takes unasked (RFC 8878 asks for 8 MiB, the zstd tool takes 128 MiB)."""


class Decoder:
    """Unpacks one frame, as zlib's and bz2's decoders do; damage is a ValueError, as with them."""

    def __init__(self, library: ModuleType) -> None:
        self._error = library.ZstdError
        options = {library.DecompressionParameter.window_log_max: WINDOW_LOG}
        self._state = library.ZstdDecompressor(options=options)

    @property
    def eof(self) -> bool:
        """Whether the frame ended."""
        return bool(self._state.eof)

    @property
    def unused_data(self) -> bytes:
        """What came behind its end."""
        return bytes(self._state.unused_data)

    @property
    def needs_input(self) -> bool:
        """Whether all that can be made of the input so far was made."""
        return bool(self._state.needs_input)

    def decompress(self, data: Any, max_length: int = -1) -> bytes:
        """At most `max_length` bytes more. Raises ValueError."""
        try:
            return bytes(self._state.decompress(data, max_length))
        except self._error as error:
            raise ValueError(str(error)) from error


def decoder() -> Decoder:
    """A decoder of one frame. Raises UnsupportedError where neither library is installed."""
    return Decoder(_library())


def size_ahead(frame: memoryview, left: int) -> bool:
    """Whether a frame that is passed over tells the size of the next one, as pzstd writes before each."""
    size = int.from_bytes(frame[8:12], "little")
    return len(frame) == 12 and bytes(frame[:4]) == SKIPPABLE[0] and 12 + size <= left


def seek_table(frame: memoryview, frames: list[tuple[int, int]]) -> bool:
    """Whether a frame that is passed over is the table of the seekable format, and tells of the frames before it.

    frames: bytes of each, packed and unpacked. Source: zstd's `contrib/seekable_format`, version 0.1.1.
    """
    width = 12 if len(frame) > 16 and frame[-5] & 0x80 else 8
    if bytes(frame[:4]) != SKIPPABLE[0xE] or len(frame) != 17 + width * len(frames) or frame[-5] & 0x7F:
        return False
    if bytes(frame[-4:]) != SEEKABLE or int.from_bytes(frame[-9:-5], "little") != len(frames):
        return False
    words = memoryview(bytes(frame[8:-9])).cast("I").tolist()
    return list(zip(words[0 :: width // 4], words[1 :: width // 4], strict=True)) == frames


@cache
def _library() -> ModuleType:
    import importlib

    for name in ("compression.zstd", "backports.zstd"):
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    raise UnsupportedError("Zstandard is not read here", hint="pip install backports.zstd")
