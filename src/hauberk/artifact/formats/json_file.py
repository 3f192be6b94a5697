"""JSON: parsed as strictly as its readers differ, then held against every schema that makes a loader do something.

>>> parse(memoryview(b'{"a": 1, "a": 2}')).twice
('a',)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...core.errors import InputError
from ...core.nouns import Place, Severity
from ..walk import Walk, printable
from . import hidden
from .text_kinds import name_of

MAX_JSON = 512 << 20
"""Bytes; the largest tokenizers have 40 MB."""
MARK = b"\xef\xbb\xbf"
WIDE = (b"\xff\xfe", b"\xfe\xff", b"{\0", b"[\0", b"\0{", b"\0[", b"\0\0\0{", b"\0\0\0[")
"""How UTF-16 and UTF-32 begin: Python's json reads those too."""
MAX_LINES = 1_000_000
NAMED = re.compile(r".*\.(?:json[5cl]?|ipynb|jsonlines)")
YAML = re.compile(r".*\.ya?ml|mlmodel")
"""YAML may begin as JSON does."""
PROMISE = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\{\s*\"|\[\s*[{\"])")
"""How nothing but JSON begins."""


@dataclass(frozen=True)
class Parsed:
    """A value. twice: keys that stand in one object more than once. dropped: what those keys held first."""

    value: Any
    twice: tuple[str, ...] = ()
    dropped: tuple[Any, ...] = ()


def sniff(data: memoryview) -> bool:
    """Whether this begins as a JSON object or list."""
    return _begins(data) in (b"{", b"[")


def _begins(data: memoryview) -> bytes:
    return bytes(data[:4096]).removeprefix(MARK).lstrip(b" \t\r\n")[:1]


def parse(data: memoryview | bytes) -> Parsed:
    """Parse, keeping what a reader would drop. Raises InputError for what is no JSON."""
    twice: list[str] = []
    dropped: list[Any] = []

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            met: dict[str, Any] = {}
            for key, value in pairs:
                if key in met:
                    twice.append(key)
                    dropped.append({key: met[key]})
                met[key] = value
        return made

    try:
        value = json.loads(bytes(data), object_pairs_hook=keep)
    except (ValueError, RecursionError) as error:
        raise InputError(f"not valid JSON: {error}") from error
    return Parsed(value, tuple(dict.fromkeys(twice)), tuple(dropped))


def walked(walk: Walk, data: memoryview, path: str) -> bool:
    """Walk JSON, or JSON values one a line. False when it is neither."""
    named = NAMED.fullmatch(name_of(path or walk.name)) is not None
    if not named and not sniff(data) and bytes(data[:4])[:2] not in WIDE and bytes(data[:4]) not in WIDE:
        return False
    if len(data) > MAX_JSON:
        walk.formats[path] = "json"
        walk.skip(path or "the file", f"JSON of {len(data)} bytes, the limit is {MAX_JSON}")
        return True
    try:
        parsed = parse(data)
    except InputError as error:
        return _lines(walk, data, path) or _broken(walk, data, path, error)
    if isinstance(parsed.value, dict | list):
        walk_parsed(walk, parsed, data, path)
        return True
    return False


def _lines(walk: Walk, data: memoryview, path: str) -> bool:
    """JSON lines: every line one value."""
    lines = bytes(data).removeprefix(MARK).splitlines()
    if len(lines) < 2 or len(lines) > MAX_LINES:
        return False
    try:
        found = [parse(line) for line in lines if line.strip()]
    except InputError:
        return False
    twice = tuple(key for one in found for key in one.twice)
    dropped = tuple(each for one in found for each in one.dropped)
    walk_parsed(walk, Parsed([one.value for one in found], twice, dropped), data, path)
    walk.formats[path] = "json lines"
    return True


def _broken(walk: Walk, data: memoryview, path: str, error: InputError) -> bool:
    """Bytes that only begin as JSON: a skip when they or their name promise it, else perhaps text of another kind."""
    name = name_of(path or walk.name)
    if not NAMED.fullmatch(name) and (YAML.fullmatch(name) or not PROMISE.match(data[:4096])):
        return False
    walk.formats[path] = "json"
    walk.skip(path or "the file", str(error))
    hidden.hidden(walk, data, path)
    return True


def walk_parsed(walk: Walk, parsed: Parsed, data: memoryview, path: str) -> None:
    """Walk a value that was parsed: the file as a whole, then every object in it."""
    walk.formats[path] = "json"
    hidden.hidden(walk, data, path)
    for key in parsed.twice[:5]:
        message = f"the key {printable(key)!r} stands twice in one object: readers take one or the other"
        remedy = "do not use this file; write it again with each key once"
        place = Place(path, printable(key, 40))
        walk.flaw("artifact.json.twice", Severity.MEDIUM, place, message, remedy, ("CWE-436",))
    value = [parsed.value, *parsed.dropped] if parsed.dropped else parsed.value
    _as_keras(walk, parsed, data, path)
    _as_paddle(walk, parsed, path)
    _as_graph(walk, parsed, path)
    _as_package(walk, parsed, path)
    _as_xgboost(walk, parsed, path)
    if (
        isinstance(value, dict)
        and "nbformat" in value
        and isinstance(value.get("cells", value.get("worksheets")), list)
    ):
        from . import notebook

        notebook.walk_value(walk, value, path)
        return
    from . import configuration

    configuration.walk_value(walk, value, path)


def _as_xgboost(walk: Walk, parsed: Parsed, path: str) -> None:
    """XGBoost's trees, wherever in the file its names stand."""
    if isinstance(parsed.value, dict) and ("learner" in parsed.value or "Model" in parsed.value):
        from . import xgboost

        if xgboost.is_model(parsed.value):
            xgboost.walk_value(walk, parsed.value, path)


def _as_keras(walk: Walk, parsed: Parsed, data: memoryview, path: str) -> None:
    """A Keras model's configuration names the classes to build."""
    values = (parsed.value, *parsed.dropped)
    if any("class_name" in item and ("config" in item or "module" in item) for v in values for item in objects(v)):
        from . import keras

        keras.walk_json(walk, data, path)


def _as_paddle(walk: Walk, parsed: Parsed, path: str) -> None:
    """A program of PaddlePaddle's names the operators to run."""
    for value in (parsed.value, *parsed.dropped):
        if isinstance(value, dict) and "base_code" in value:
            from . import paddle_json

            if paddle_json.owns(value):
                paddle_json.walk_value(walk, value, path)


def _as_graph(walk: Walk, parsed: Parsed, path: str) -> None:
    """A graph of ONNX's or TensorFlow's, as JSON."""
    for value in (parsed.value, *parsed.dropped):
        if isinstance(value, dict) and ("graph" in value or "node" in value or "modelTopology" in value):
            from . import proto_wire

            proto_wire.walk_json(walk, value, path)


def _as_package(walk: Walk, parsed: Parsed, path: str) -> None:
    """The list of what is in a package of Core ML: paths of files that its reader opens."""
    for value in (parsed.value, *parsed.dropped):
        if isinstance(value, dict) and "itemInfoEntries" in value:
            from . import coreml

            coreml.walk_manifest(walk, value, path)


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a value, without recursion."""
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            yield item
            todo.extend(each for each in item.values() if isinstance(each, dict | list))
        elif isinstance(item, list):
            todo.extend(each for each in item if isinstance(each, dict | list))


def texts(value: Any) -> Iterator[tuple[str, str]]:
    """(key, text) of every text in a value; in a list, the key is the list's own."""
    todo: list[tuple[str, Any]] = [("", value)]
    while todo:
        key, item = todo.pop()
        if isinstance(item, dict):
            todo.extend((str(name), each) for name, each in item.items())
        elif isinstance(item, list):
            todo.extend((key, each) for each in item)
        elif isinstance(item, str):
            yield key, item
