"""The reconstructed program: what it says, where, with which verdict, and that nothing hostile gets out of it."""

from __future__ import annotations

import base64
import io
import pickle
import random
import zipfile
from collections import OrderedDict
from pathlib import Path

import pytest

from corpus.random_pickles import program
from hauberk.artifact import why as module
from hauberk.artifact.why import Line, render, why

EVIL = b"cposix\nsystem\n(S'id'\ntR."


def told(tmp_path: Path, data: bytes, name: str = "m.pkl") -> tuple[Line, ...]:
    (tmp_path / name).write_bytes(data)
    return why(tmp_path / name)


def texts(lines: tuple[Line, ...]) -> list[str]:
    return [line.text for line in lines]


def test_a_call_with_its_byte_and_verdict(tmp_path: Path) -> None:
    lines = told(tmp_path, EVIL)
    assert texts(lines) == ["from posix import system", "_0 = posix.system('id')", "return _0"]
    assert [line.at for line in lines] == [0, 22, 23]
    assert EVIL[22:23] == b"R"
    assert lines[1].verdict == "dangerous"
    assert "operating-system" in lines[1].reason


def test_an_object_its_state_and_what_is_put_into_it(tmp_path: Path) -> None:
    value = OrderedDict(a=1)
    value.extra = ("x", [1] * 9)  # type: ignore[attr-defined]
    lines = texts(told(tmp_path, pickle.dumps(value, 4)))
    assert lines[1:3] == ["_0 = collections.OrderedDict()", "_0['a'] = 1"]
    assert lines[3] == "_0.__setstate__({'extra': ('x', [1, 1, 1, 1, 1, 1, …])})"
    assert lines[-1] == "return _0"


@pytest.mark.parametrize(
    ("data", "text", "verdict"),
    [
        (b"\x80\x02cmine\nThing\n)\x81.", "_0 = object.__new__(mine.Thing)", "not understood"),
        (b"\x80\x02\x82\x07.", "_0 = copyreg._inverted_registry[7]", "not understood"),
        (b"\x80\x02K\x05Q.", "_0 = persistent_load(5)", "not understood"),
        (b"\x80\x04ccollections\nOrderedDict\n)R]a.", "_0.append([])", "not understood"),
        (b"\x80\x04ccollections\nOrderedDict\n)R(NK\x01u.", "_0.update({None: 1})", ""),
        (b"\x80\x04Vos\nc__builtin__\nstr\nVsystem\n\x85R\x93.", "getattr(import_module('os'), _0)", "dangerous"),
        (b"c_codecs\nencode\n(Vx\nVzlib\ntR.", "_0 = _codecs.encode('x', 'zlib')", "not understood"),
        (b"cos\nsystem\n]R.", "_0 = os.system(*[])", "dangerous"),
        (b"\x80\x04cos\nsystem\n)}K\x01Ns\x92.", "_0 = os.system(**{1: None})", "dangerous"),
    ],
)
def test_each_kind_of_step(tmp_path: Path, data: bytes, text: str, verdict: str) -> None:
    lines = told(tmp_path, data)
    assert [line for line in lines if text in line.text and line.verdict == verdict], lines


def test_programs_inside_others_are_told_apart(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("m/data.pkl", pickle.dumps({"x": base64.b64encode(EVIL * 1)}, 2))
        archive.writestr("m/version", b"3\n")
    lines = told(tmp_path, buffer.getvalue(), "m.pt")
    places = {(line.path, line.within) for line in lines}
    assert ("m.pt!m/data.pkl", "") in places
    inner = [line for line in lines if line.within]
    assert "_0 = posix.system('id')" in texts(tuple(inner))
    assert " > " in render(lines)


def test_where_it_breaks(tmp_path: Path) -> None:
    lines = told(tmp_path, EVIL[:-1] + b"\xff")
    assert texts(lines)[-2:] == ["_0 = posix.system('id')", "# broken: byte 0xff is no opcode"]


def test_hostile_text_is_escaped_and_cut(tmp_path: Path) -> None:
    name = "\x1b[2J\u202e" + "a" * 500
    data = b"\x80\x04X" + len(name.encode()).to_bytes(4, "little") + name.encode() + b"\x8c\x01x\x93"
    data += b"X" + len(name.encode()).to_bytes(4, "little") + name.encode() + b"\x85R."
    out = render(told(tmp_path, data))
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert max(len(line) for line in out.splitlines()) < 700


def test_reasons_of_what_is_allowed_are_told_once(tmp_path: Path) -> None:
    lines = told(tmp_path, pickle.dumps([OrderedDict(), OrderedDict()], 4))
    assert sum(line.verdict == "allowed" for line in lines) == 3
    assert render(lines).count("  # ") == 1


def test_a_long_program_is_counted_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LINES", 5)
    lines = told(tmp_path, pickle.dumps([OrderedDict() for _ in range(20)], 4))
    assert len(lines) == 6
    assert lines[-1].text == "# 17 more steps"


def test_a_file_without_a_program_has_no_lines(tmp_path: Path) -> None:
    assert told(tmp_path, b"\0" * 64) == ()
    assert render(()) == ""


@pytest.mark.parametrize("seed", range(3))
def test_any_program_can_be_told(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    for n in range(60):
        for line in told(tmp_path, program(draw), f"{n}.pkl"):
            assert line.text.isprintable()
