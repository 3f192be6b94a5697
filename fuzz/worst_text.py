"""Texts that are slow to read: deep, long, and made of whatever a pattern hopes for."""

from __future__ import annotations

from collections.abc import Callable

MB = 1 << 20


def full(piece: bytes, before: bytes = b"", after: bytes = b"") -> Callable[[], bytes]:
    """One piece, as often as a megabyte holds it."""
    return lambda: before + piece * (MB // len(piece)) + after


def pair(opening: bytes, closing: bytes, before: bytes = b"", after: bytes = b"") -> Callable[[], bytes]:
    """Something inside something inside something …"""
    n = MB // (len(opening) + len(closing))
    return lambda: before + opening * n + b"1" + closing * n + after


def numbered(form: str, before: bytes = b"", after: bytes = b"") -> Callable[[], bytes]:
    """Lines or pieces with a number in each."""
    return lambda: before + "".join(form.format(i, i + 1) for i in range(MB // (len(form) + 8))).encode() + after


JINJA, JINJA_END = b'{"chat_template":"{{ ', b' }}"}'
XML = b"<?xml version='1.0'?>"
LAYER = b'{"class_name":"Lambda","config":'
HOPES = (b"AKIA", b"-----BEGIN ", b"api_key=", b"eyJ", b"http://", b"sk-", b"ghp_", b"password = '", b"import os\n",
         b"${", b"{{", b"{%", b"<script>", b"FROM a\n", b"--index-url ", b"!!python/", b"_target_: ")  # fmt: skip
CASES: dict[str, Callable[[], bytes]] = {
    "json deep": pair(b'{"a":', b"}"), "json layers in layers": pair(LAYER, b"}"),
    "json many layers": full(LAYER + b"{}},", b'{"a":[', b"1]}"), "json a number": full(b"9", b'{"a":', b"}"),
    "json arrays": pair(b"[", b"]"), "json keys": numbered('"{0}":1,', b"{", b'"a":1}'),
    "jinja parentheses": pair(b"(", b")", JINJA, JINJA_END), "jinja attributes": full(b".b", JINJA + b"a", JINJA_END),
    "jinja minus": full(b"-", JINJA, b"1" + JINJA_END), "jinja filters": full(b"|b", JINJA + b"a", JINJA_END),
    "jinja nots": full(b"not ", JINJA, b"1" + JINJA_END),
    "jinja conditions": pair(b"{% if a %}", b"{% endif %}", b'{"chat_template":"', b'"}'),
    "jinja calls": full(b"a(", JINJA, JINJA_END), "jinja texts": full(b"'a' ", JINJA, JINJA_END),
    "xml deep": pair(b"<a>", b"</a>", XML), "xml attributes": numbered("b{0}='1' ", XML + b"<a ", b"/>"),
    "xml entities": numbered("<!ENTITY a{1} '&a{0};&a{0};'>", XML + b"<!DOCTYPE a [", b"]><a>&a100;</a>"),
    "xml comments": full(b"<!---->", XML), "xml open": full(b"<", XML), "yaml dashes": full(b"- "),
    "yaml arrays": full(b"[", b"a: "), "yaml aliases": numbered("b{0}: &b{0} [*a,*a]\n", b"a: &a [x]\n"),
    "yaml indents": lambda: b"".join(b" " * i + b"a:\n" for i in range(1400)), "yaml keys": numbered("k{0}: 1\n"),
    "lightgbm trees": full(b"Tree=0\n", b"tree\nversion=v4\n"), "lightgbm line": full(b"1 ", b"tree\nversion=v4\na="),
    "spaces": full(b" "), "newlines": full(b"\n"), "letters": full(b"a"), "dots": full(b"a."), "tabs": full(b"\t"),
    "brackets": full(b"[[[["), "quotes": full(b'"'), "backslashes": full(b"\\"), "hashes": full(b"#\n"),
    "equals": full(b"a=\n"), "code points": full("é".encode()), "slashes": full(b"//"), "base64": full(b"QUJD"),
    "hex": full(b"4142"),
    **{f"hopes for {hope.decode().strip()}": full(hope) for hope in HOPES},
}  # fmt: skip
