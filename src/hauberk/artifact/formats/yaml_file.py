"""YAML: tags that build objects, classes that a configuration names, aliases that expand without measure."""

from __future__ import annotations

import re
from typing import Any

from ...core.nouns import Place, Severity
from ..walk import Walk, printable
from . import configuration, mlflow, targets
from .opcodes import Broken
from .text_kinds import name_of
from .yaml_reader import read_yaml
from .yaml_source import CORE, Document, NoYaml, Tag

MAX_YAML = 16 << 20
NAMED = re.compile(r".*\.ya?ml|mlmodel")
PLAIN_TAGS = frozenset(CORE + name for name in (
    "str", "int", "float", "bool", "null", "seq", "map", "set", "omap", "pairs", "binary", "timestamp", "merge",
    "value",
)) | {"!"}  # fmt: skip
PYTHON = CORE + "python/"
PYTHON_PLAIN = frozenset(PYTHON + name for name in (
    "none", "bool", "str", "unicode", "bytes", "int", "long", "float", "complex", "list", "tuple", "dict",
))  # fmt: skip
"""Python values that PyYAML's full loader builds without importing anything."""
HYPER = re.compile(r"!(new|name|apply|module|include|ref|copy|tuple|applyref|PLACEHOLDER)(?::(.*))?")
"""The tags of HyperPyYAML, which SpeechBrain's models are written in."""
HARMLESS_HYPER = ("ref", "copy", "tuple", "PLACEHOLDER")
DANGER = re.compile(r"!!(?:python|%70ython)|yaml\.org,2002:(?:python|%70)|!!(?:ruby|java|javax)[/.]|!ruby/", re.I)
RESOLVER = re.compile(r"\$\{(?!oc\.(?:env|decode|create|select|deprecated|dict)\b)([\w.]+):")
REMEDY = "do not load this with a loader that builds objects; ask for plain values"


def read(walk: Walk, text: str, path: str) -> None:
    """Read a YAML file. What this reader does not know of YAML is a skip, and a known danger is told even so."""
    document = _document(walk, text, path)
    if document is None:
        return
    _structure(walk, document, text, path)
    _interpolation(walk, text, path)
    for value in document.value if document.documents > 1 else (document.value,):
        configuration.walk_value(walk, value, path)
        _by_schema(walk, value, path)


def read_front(walk: Walk, text: str, path: str) -> None:
    """Read the front matter of a model card, which sites read with a safe loader: its tags alone matter."""
    document = _document(walk, text, path)
    if document is not None:
        _structure(walk, document, text, path)


def _document(walk: Walk, text: str, path: str) -> Document | None:
    walk.formats.setdefault(path, "yaml")
    problem = f"YAML of {len(text)} characters, the limit is {MAX_YAML}" if len(text) > MAX_YAML else ""
    if not problem:
        try:
            return read_yaml(text)
        except Broken as error:
            if isinstance(error, NoYaml) and not NAMED.fullmatch(name_of(path or walk.name)):
                walk.formats[path] = "text"
                return None
            line = text.count("\n", 0, error.at) + 1
            problem = f"YAML that this reader does not know: {error} (line {line})"
    if match := DANGER.search(text):
        _tag(walk, Tag(match[0], match.start()), text, path)
    walk.skip(path or "the file", problem)
    return None


def _structure(walk: Walk, document: Document, text: str, path: str) -> None:
    told: set[str] = set()
    for tag in document.tags:
        if tag.name not in told and len(told) < 50:
            told.add(tag.name)
            _tag(walk, tag, text, path)
    for key in list(dict.fromkeys(document.twice))[:5]:
        message = f"the key {printable(key)!r} stands twice in one mapping: readers take one or the other"
        place = Place(path, printable(key, 40))
        walk.flaw("artifact.yaml.twice", Severity.MEDIUM, place, message, "write each key once", ("CWE-436",))
    if document.bomb:
        message = "its aliases expand to more than a million values"
        walk.flaw("artifact.yaml.bomb", Severity.HIGH, Place(path), message, REMEDY, ("CWE-776",))


def _tag(walk: Walk, tag: Tag, text: str, path: str) -> None:
    place = Place(path, f"line {text.count(chr(10), 0, tag.at) + 1}")
    if tag.name in PLAIN_TAGS:
        return
    if tag.name in PYTHON_PLAIN:
        message = f"the tag {printable(tag.name)} needs a loader that builds Python objects"
        walk.flaw("artifact.yaml.tag", Severity.LOW, place, message, REMEDY, ("CWE-502",))
    elif tag.name.lower().startswith(PYTHON) or DANGER.search(tag.name) or tag.name.startswith(CORE + "ruby"):
        message = f"the tag {printable(tag.name)} imports and calls what it names"
        walk.flaw("artifact.yaml.object", Severity.CRITICAL, place, message, REMEDY, ("CWE-502", "CVE-2020-14343"))
    elif match := HYPER.fullmatch(tag.name):
        _hyper(walk, match[1], match[2] or "", place)
    else:
        message = f"the tag {printable(tag.name)} is not understood: what it builds depends on who reads it"
        walk.flaw("artifact.yaml.tag", Severity.MEDIUM, place, message, REMEDY, ("CWE-502",))


def _hyper(walk: Walk, tag: str, name: str, place: Place) -> None:
    if tag in HARMLESS_HYPER:
        return
    if tag == "include":
        message = f"HyperPyYAML reads another file, {printable(name)}, as if it stood here"
        walk.flaw("artifact.yaml.include", Severity.MEDIUM, place, message, REMEDY, ("CWE-829",))
        return
    targets.judge(walk, name, place.path, f"!{tag}:", what="HyperPyYAML imports and calls")


def _interpolation(walk: Walk, text: str, path: str) -> None:
    if (match := RESOLVER.search(text)) and "_target_" in text:
        message = f"OmegaConf calls the resolver {printable(match[1])!r} when this configuration is read"
        place = Place(path, f"line {text.count(chr(10), 0, match.start()) + 1}")
        walk.flaw("artifact.config.resolver", Severity.MEDIUM, place, message, REMEDY, ("CWE-94",))


def _by_schema(walk: Walk, value: Any, path: str) -> None:
    if not isinstance(value, dict):
        return
    if name_of(path or walk.name) == "mlmodel" or ("flavors" in value and isinstance(value["flavors"], dict)):
        mlflow.walk_model(walk, value, path)
    elif "dependencies" in value and ("channels" in value or "name" in value):
        from . import requirements

        requirements.walk_conda(walk, value, path)
