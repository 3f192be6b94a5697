"""Models that were compiled for one device or runtime: recognised by their marks, named, and not read.

What such a file does is machine code or a device's own; an honest answer is that nobody looked at it.
"""

from __future__ import annotations

from ..walk import Walk

MARKS = (
    (0, b"ptrt", "a TensorRT engine"), (0, b"ftrt", "a TensorRT engine"), (0, b"RKNN", "an RKNN model"),
    (0, b"\x01HEF", "a Hailo executable"), (0, b"LDMK", "a K210/K230 kmodel"), (4, b"PTMF", "a PyTorch mobile program"),
    (0, b"7767517\n", "an ncnn network"), (0, b"\xdd\x85\x76\0", "an ncnn network"), (0, b"ML\xefR", "MLIR bytecode"),
    (0, b"BMOD", "a Sophgo model"),
    (0, b"LITERTLM", "a LiteRT-LM bundle"),
)  # fmt: skip


def what(data: memoryview) -> str:
    """Which of them this is; '' when it is none."""
    return next((title for at, mark, title in MARKS if bytes(data[at : at + len(mark)]) == mark), "")


def sniff(data: memoryview) -> bool:
    """Whether one of the marks stands at its place."""
    return what(data) != ""


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Say what it is."""
    title = what(data)
    walk.formats[path] = title
    walk.skip(path or "the file", f"it is {title}: compiled, and not read")
