"""PyTorch: zip checkpoints (`data.pkl`, raw storages), TorchScript, `.pt2` programs, the old five-pickle form."""

from __future__ import annotations

import re

from ...core.nouns import Place, Severity
from ..walk import Walk, join, printable
from . import raw_numbers, torchscript
from .inspector import inspect
from .pickle import TORCH, attempt, broken, is_pickle, machine_at
from .pickle import walk as walk_pickle
from .torch_legacy import Storages
from .zip import Archive, Member, enter, read
from .zip import sniff as sniff_zip

LEGACY_STREAMS = 5
"""Magic, protocol, system, the object, the storage keys; raw storages follow."""
STORAGE = re.compile(r"(data|constants|tensors|traced_inputs|attributes)/\d+")
NOTE = re.compile(r"version|byteorder|archive_format|archive_version|\.data/\w+|\.format_version|\.storage_alignment")
RAW = re.compile(r"data/(weights|constants)/(weight|tensor)_\d+")
PLAIN_NOTE, NOTE_MAX = re.compile(rb"\w*\s?"), 64
"""What torch writes into them: a number, `little` or `big`, `pt2`."""
OLD_FORM = re.compile(rb"\x80[\x02-\x05](?:\x95[\s\S]{8})?" + re.escape(TORCH) + rb"\.")
PROGRAMS = {"data": "data.pkl", "constants": "constants.pkl"}
"""Which program names the storages of a folder."""
KEY = re.compile(rb"(?:X[\s\S]{4}|[\x8cU][\s\S]|V)(\d{1,20})")
"""A number as a text of a pickle."""


def owns(archive: Archive) -> bool:
    """Whether this zip is a torch archive."""
    return any(("/" + m.name).endswith(("/data.pkl", "/constants.pkl", "/archive_format")) for m in archive.members)


def walk_zip(walk: Walk, archive: Archive, path: str) -> None:
    """Walk every member: pickles as torch reads them, code as TorchScript, storages left raw."""
    root = archive.members[0].name.partition("/")[0] + "/" if "/" in archive.members[0].name else ""
    scripted = archive.named(root + "constants.pkl") is not None  # by which torch.load decides, case and all
    named = {folder: _named(walk, archive, root + name) for folder, name in PROGRAMS.items()}
    _alike(walk, archive, path)
    for member in archive.members:
        inner = member.name.removeprefix(root)
        if STORAGE.fullmatch(inner):
            folder, _, key = inner.partition("/")
            keys = named.get(folder)
            _storage(walk, archive, member, path, named=keys is None or key.encode() in keys)
        elif not (NOTE.fullmatch(inner) and _plain(walk, archive, member, path)):
            _member(walk, archive, member, inner, path, scripted)


def _named(walk: Walk, archive: Archive, name: str) -> frozenset[bytes] | None:
    """The keys of storages among the texts of a program; None when there is none that can be asked."""
    member = archive.named(name)
    content = read(walk.trial(), archive, member, "") if member else None
    return None if content is None else frozenset(KEY.findall(content))


def _plain(walk: Walk, archive: Archive, member: Member, path: str) -> bool:
    """Whether a note holds what torch writes there; anything else is walked."""
    if member.size > NOTE_MAX:
        return False
    content = read(walk, archive, member, path)
    return content is not None and PLAIN_NOTE.fullmatch(content) is not None


def _alike(walk: Walk, archive: Archive, path: str) -> None:
    """Names that differ in case alone: torch takes either for the other."""
    seen: dict[str, str] = {}
    for member in archive.members:
        if seen.setdefault(member.name.lower(), member.name) != member.name:
            message = f"its name differs from {printable(seen[member.name.lower()])!r} in case alone"
            place, remedy = Place(join(path, printable(member.name))), "do not load this archive; save the model again"
            walk.flaw("artifact.archive.duplicate", Severity.HIGH, place, message, remedy, ("CWE-436",))


def _storage(walk: Walk, archive: Archive, member: Member, path: str, *, named: bool) -> None:
    """A storage is raw numbers to torch; one that no program names is a file that torch never reads."""
    stored = member.method == 0 and member.packed == member.size
    whole = archive.data[member.start : member.start + member.packed]
    content = whole if stored else read(walk, archive, member, path)
    if content is None or not len(content):
        return
    if named:
        raw_numbers.look(walk, content, path, member.name)
    else:
        walk.enter(content, join(path, printable(member.name)))


def _member(walk: Walk, archive: Archive, member: Member, inner: str, path: str, scripted: bool) -> None:
    content, place = read(walk, archive, member, path), join(path, printable(member.name))
    if content is None:
        return
    if "/" not in inner and inner.endswith(".pkl"):
        walk.formats[place] = "torchscript pickle" if scripted else "torch pickle"
        walk_pickle(walk, content, place, loader="torchscript" if scripted else "torch")
        if inner == "bytecode.pkl":
            torchscript.walk_bytecode(walk, content, place)
    elif scripted and inner.startswith("code/"):
        torchscript.walk(walk, content, place)
    elif inner.lower().endswith(".json") and not inner.startswith("extra/"):
        torchscript.walk_program(walk, content, place)
    elif RAW.fullmatch(inner) and not sniff_zip(content) and not is_pickle(walk, content):
        walk.formats[place] = "raw tensor"
        raw_numbers.look(walk, content, path, member.name)
    else:
        enter(walk, archive, member, path)


def sniff_legacy(data: memoryview) -> bool:
    """Whether this begins as a checkpoint of torch before 1.6."""
    return OLD_FORM.match(data[:32]) is not None


def walk_legacy(walk: Walk, data: memoryview, path: str) -> None:
    """Walk the five pickles; the storages behind them are as many bytes as the pickles say."""
    inspector, pos = inspect(walk, path, loader="torch"), 0
    storages = Storages()
    inspector.heard = storages.hear
    for _ in range(LEGACY_STREAMS):
        machine = machine_at(inspector, data, pos)
        error = attempt(machine, inspector)
        if machine.limited:
            walk.skip(path or "the file", f"more than {walk.work.most_opcodes} opcodes")
            return
        if error:
            broken(inspector, error, 0, len(data) - pos)
            return
        pos = machine.pos
    storages.walk(walk, data, pos, path)
