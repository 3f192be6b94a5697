"""A writer of GGUF files of any version and byte order, lies included."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

U8, U32, F32, BOOL, TEXT, ARRAY, U64 = 0, 4, 6, 7, 8, 9, 10


@dataclass
class Writer:
    """Writes a GGUF file of any version and byte order, lies included."""

    version: int = 3
    order: str = "<"

    def number(self, form: str, value: float) -> bytes:
        return struct.pack(self.order + form, value)

    def length(self, value: int) -> bytes:
        return self.number("I" if self.version == 1 else "Q", value)

    def text(self, value: str | bytes) -> bytes:
        raw = value.encode() if isinstance(value, str) else value
        return self.length(len(raw)) + raw

    def entry(self, key: str, kind: int, value: bytes) -> bytes:
        return self.text(key) + self.number("I", kind) + value

    def texts(self, values: Sequence[str | bytes]) -> bytes:
        return self.number("I", TEXT) + self.length(len(values)) + b"".join(self.text(value) for value in values)

    def tensor(self, name: str, shape: Sequence[int], offset: int, kind: int = 0) -> bytes:
        sizes = b"".join(self.length(n) for n in shape)
        return (
            self.text(name) + self.number("I", len(shape)) + sizes + self.number("I", kind) + self.number("Q", offset)
        )

    def file(
        self,
        entries: Sequence[bytes] = (),
        tensors: Sequence[bytes] = (),
        data: bytes = b"",
        *,
        counts: tuple[int, int] | None = None,
        alignment: int = 32,
    ) -> bytes:
        many = counts or (len(tensors), len(entries))
        head = b"GGUF" + self.number("I", self.version) + self.length(many[0]) + self.length(many[1])
        head += b"".join(entries) + b"".join(tensors)
        return head + bytes(-len(head) % alignment if tensors else 0) + data
