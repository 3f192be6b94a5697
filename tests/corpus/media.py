"""Pictures and sounds: what stands behind their end, in their comments, and below their last row."""

from __future__ import annotations

import struct
import zlib

from corpus import Sample, add
from corpus.repository import png
from corpus.text import KEY


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def jpeg(comment: bytes = b"made by a camera", behind: bytes = b"") -> bytes:
    head = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment
    return head + b"\xff\xda\0\x08\1\1\0\0?\0" + b"\x12\xff\0\x34\xff\xd0\x56" + b"\xff\xd9" + behind


def gif(comment: bytes = b"hello", behind: bytes = b"") -> bytes:
    head = b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff!\xfe" + bytes((len(comment),)) + comment + b"\0"
    return head + b",\0\0\0\0\1\0\1\0\0\2\2D\1\0;" + behind


def wav(samples: bytes = bytes(8), behind: bytes = b"") -> bytes:
    body = (
        b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
        + b"data"
        + struct.pack("<I", len(samples))
        + samples
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body + behind


MEDIA = {"png": png(), "jpg": jpeg(), "gif": gif(), "wav": wav(), "two.jpg": jpeg() + jpeg()}
TEXT_CHUNK = chunk(b"tEXt", b"Comment\0" + KEY.encode())
ODD_MEDIA = {
    "png_behind": png(behind=b"PK\x03\x04 something"),
    "png_unknown_chunk": png(extra=chunk(b"evIl", b"payload")),
    "png_secret_in_text": png(extra=TEXT_CHUNK),
    "png_checksum": png()[:40] + b"\0" + png()[41:],
    "png_more_pixels": png(pixels=bytes(9) + b"hidden below the last row"),
    "png_fewer_pixels": png(pixels=bytes(4)),
    "png_cut": png()[:-12],
    "jpeg_behind": jpeg(behind=b"<?php system('id'); ?>"),
    "jpeg_program_in_comment": jpeg(comment=b"\x7fELF\2\1\1" + bytes(60)),
    "jpeg_cut": jpeg()[:-2],
    "gif_behind": gif(behind=b"#!/bin/sh\nid\n"),
    "gif_secret_in_comment": gif(comment=b"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"),
    "gif_cut": gif()[:-1],
    "wav_behind": wav(behind=b"\x80\x04\x95 hidden"),
    "wav_lies": wav()[:40] + struct.pack("<I", 1 << 30) + bytes(8),
    "pdf": b"%PDF-1.7\n1 0 obj\n<< /OpenAction << /JS (app.alert(1)) >> >>\nendobj\n",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    "html": b"<!doctype html><html><body onload='x()'></body></html>",
}
for _name, _data in MEDIA.items():
    _build = lambda data=_data: data  # noqa: E731
    add(Sample(f"media/{_name}", "media", f"a small {_name}", f"preview.{_name}", "", _build, dangerous=False))
for _name, _data in ODD_MEDIA.items():
    _build = lambda data=_data: data  # noqa: E731
    add(Sample(f"media/{_name}", "media", f"a picture or sound: {_name}", "preview.bin", "", _build, dangerous=True))
