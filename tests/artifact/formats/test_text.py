"""Text: secrets and addresses, what hides in bytes, which reader a text gets, and that real tools agree."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.executable import CLASS, ELF, MACH, PE, WASM
from corpus.text import SECRETS
from hauberk.artifact.formats import executable, python_source, secrets
from hauberk.artifact.formats.hidden import hidden
from hauberk.artifact.formats.text import decoded
from hauberk.artifact.formats.text_kinds import kind_of
from hauberk.artifact.scan import Scanned, scan
from hauberk.artifact.walk import Walk
from hauberk.core.limits import Limits

Scanner = Callable[..., Scanned]


def looked(data: bytes) -> Walk:
    walk = Walk(Limits(), lambda *_: None)
    hidden(walk, memoryview(data), "x")
    return walk


@pytest.mark.parametrize("program", [ELF, PE, MACH, CLASS, WASM], ids=["elf", "pe", "mach", "class", "wasm"])
@pytest.mark.parametrize("before", [b"", b"x" * 4097])
def test_programs_inside_other_bytes(program: bytes, before: bytes) -> None:
    walk = looked(before + program + b" tail")
    assert {flaw.rule for flaw in walk.flaws} == {"artifact.executable.hidden"}
    assert walk.flaws[0].place.part == f"byte {len(before)}"


@pytest.mark.parametrize(
    "near",
    [
        b"\x7fELF\x03\x01\x01",
        b"MZ" + bytes(200),
        b"\xca\xfe\xba\xbe\0\0\0\x02",
        b"PE\0\0",
        b"\0asm\x02\0\0\0",
        b"MZ" + bytes(99) + b"PE\0\0",
    ],
)
def test_near_programs_stay_quiet(near: bytes) -> None:
    assert looked(b"some text " + near + b" more").flaws == []


@pytest.mark.parametrize("dull", [b"ghp_" + b"a" * 36, b"hf_" + b"ab" * 17, b"AKIA" + b"A" * 16, b"npm_" + b"0" * 36])
def test_what_is_not_random_is_no_secret(dull: bytes) -> None:
    assert looked(dull + b"\n").flaws == []


def test_noise_holds_no_program() -> None:
    """A million random bytes, as compressed data and tables of numbers look."""
    import random

    assert looked(random.Random(1).randbytes(1 << 20)).flaws == []


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_secrets_are_found_and_never_shown(name: str) -> None:
    walk = looked(b"\0\1" + SECRETS[name].encode() + b"\0\1")
    assert {flaw.rule for flaw in walk.flaws} <= {"artifact.secret", "artifact.address"}
    assert walk.flaws
    for _, _, found in secrets.find(SECRETS[name].encode()):
        assert not any(found[5:].decode() in flaw.message for flaw in walk.flaws)


def test_beginnings_of_secrets_stay_quiet() -> None:
    """A megabyte of each: bounded work, and no finding."""
    for needle in (b"://", b"sk-", b"hf_", b"xox", b"-----BEGIN PRIVATE KEY-----\n", b"://a:b@"):
        assert looked(needle * (1_000_000 // len(needle))).flaws == []


@pytest.mark.parametrize(
    ("name", "text", "module"),
    [
        ("model/modeling.py", "x = 1", "python_source"),
        ("vocab.txt", "import os\nos.system('id')\n", "python_source"),
        ("notes.txt", "important things\n", ""),
        ("requirements-dev.txt", "a", "requirements"),
        ("Dockerfile.gpu", "a", "dockerfile"),
        ("x", "FROM python:3\nRUN id\n", "dockerfile"),
        ("x", "From here on, RUN is a word\n", ""),
        ("config.yaml", "a: 1", "yaml_file"),
        ("MLmodel", "a: 1", "yaml_file"),
        ("x.bin", "a: !!python/name:os.system\n", "yaml_file"),
        ("chat_template.jinja", "a", "jinja"),
        ("README.md", "a", "markdown"),
        ("README", "a", "markdown"),
        ("LICENSE", "a", ""),
        ("a.zip!b/run.sh", "a", "script"),
    ],
)
def test_which_reader_a_text_gets(name: str, text: str, module: str) -> None:
    kind = kind_of(text, name)
    assert (kind.module if kind else "") == module


def test_a_single_file_is_known_by_its_name(scanned: Scanner) -> None:
    assert scanned(b"git+https://github.com/a/b\n", "requirements.txt").verdict.value == "broken"
    assert scanned(b"git+https://github.com/a/b\n", "notes.txt").verdict.value == "held"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"abc", "abc"),
        (b"\xef\xbb\xbfabc", "abc"),
        ("Grüße".encode("utf-16"), "Grüße"),
        ("Grüße".encode("utf-32"), "Grüße"),
        ("Straße in München".encode("latin-1"), "Straße in München"),
        (b"a\0b", None),
        (b"\xff\xfea", None),
        (bytes(range(128, 256)), None),
    ],
)
def test_what_is_text(data: bytes, text: str | None) -> None:
    assert decoded(data) == text


def test_python_that_is_data() -> None:
    """What is called data binds names and does nothing else: running it imports and calls nothing."""
    for text in ("", "'doc'", "a = 1", "a = b = [1, (2, -3)]", "a: int = 4", "pass", "x = {'a': {1, 2}}", "..."):
        assert python_source.is_data(ast.parse(text)), text
    for text in ("f()", "import a", "a.b = 1", "a[0] = 1", "x = f'{y}'", "a: f() = 1", "a: b", "x = [i for i in y]",
                 "x = 1 + 2", "del a", "@f\nclass A: pass", "def f(): pass", "x = lambda: 0",
                 "assert a", "x = a.b"):  # fmt: skip
        assert not python_source.is_data(ast.parse(text)), text


def test_empty_files_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_bytes(b"")
    (tmp_path / "a.txt").write_bytes(b"x")
    assert scan(tmp_path).verdict.value == "held"
    (tmp_path / "model.onnx").write_bytes(b"")
    assert scan(tmp_path).verdict.value == "inconclusive"


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.binary(max_size=120))
def test_no_bytes_make_it_fail(data: bytes) -> None:
    executable.program(memoryview(data))
    assert all(flaw.message.isprintable() for flaw in looked(data).flaws)


@pytest.mark.parametrize(
    "piece", [b"\n", b" \n", b"#\n", b"<", b" ", b"curl ", b'"=cmd ', b"FROM x\n", b"=\n", b"{%", b"a:\n"]
)
def test_hostile_repetition_ends(scanned: Scanner, piece: bytes) -> None:
    """Half a megabyte of what a pattern may begin with: quadratic ones would never come back."""
    assert scanned(piece * (500_000 // len(piece)), "notes").verdict.value in ("held", "inconclusive", "broken")
