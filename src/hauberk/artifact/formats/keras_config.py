"""A Keras configuration: which classes and functions building the model from it would find, call, or read files for.

Follows `keras.saving.deserialize_keras_object` (Keras 3), its older self (Keras 2, which imported any module), and
what layers do with their own settings. Every object, however deep, is judged by name: known and harmless (packs/
keras.json), known to run code, or not understood. A text that is JSON again is walked as well.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from ...core.nouns import Place, Severity
from ..verdicts import BY_USER, Standing, read_pack
from ..walk import Walk, printable

RUNS_CODE = {
    "Lambda": ("a Lambda layer runs Python code of the file, or any function that it names", "CVE-2024-3660"),
    "__lambda__": ("a lambda is Python bytecode of the file", "CVE-2024-3660"),
    "TorchModuleWrapper": ("a TorchModuleWrapper unpickles a module of the file", "CVE-2025-49655"),
    "TFSMLayer": ("a TFSMLayer loads a TensorFlow program from a path that the file names", "CVE-2026-1462"),
    "JaxLayer": ("a JaxLayer calls functions that the file names", "CWE-470"),
    "FlaxLayer": ("a FlaxLayer calls functions that the file names", "CWE-470"),
    "TensorFlowOpLayer": ("a TensorFlowOpLayer runs an operation of TensorFlow that the file spells out", "CWE-470"),
    "ClassMethod": ("a ClassMethod layer calls a method that the file names", "CWE-470"),
    "InstanceMethod": ("an InstanceMethod layer calls a method that the file names", "CWE-470"),
    "InstanceProperty": ("an InstanceProperty layer reads an attribute that the file names", "CWE-470"),
    "TypeSpec": ("a TypeSpec is built by a class that the file names", "CWE-470"),
    "CompositeTensor": ("a CompositeTensor is built by a class that the file names", "CWE-470"),
}
"""Classes that carry code, or call what they are told to, and what stands for each."""
OPERATIONS = frozenset(("TFOpLambda", "SlicingOpLambda"))
HOMES = frozenset(("keras", "builtins", "tf_keras", "tensorflow", "keras_core"))
OPENS = {
    **dict.fromkeys(("get_file", "load_img", "save_img", "save_model", "save_weights", "export_model"), "it reads or "
                    "writes files, or fetches them"),
    **dict.fromkeys(("load_model", "load_weights", "model_from_json", "model_from_config", "deserialize_keras_object",
                     "deserialize"), "it loads another model, with whatever that one does"),
    **dict.fromkeys(("enable_unsafe_deserialization", "func_load"), "it lets code of the file run"),
}  # fmt: skip
"""Functions of Keras itself that were used against its safe mode (CVE-2025-8747, CVE-2025-9906), and their kind."""
HUBS = ("keras_hub", "keras_nlp", "keras_cv")
FILES = ("CVE-2025-12058", "GHSA-qg93-c7p6-gg7f", "CWE-73")
READS_FILES = frozenset(("vocabulary", "filepath", "vocabulary_file", "vocab_file", "idf_weights", "proto"))
"""Settings that may be a path, which the layer then reads while it is built."""
PATH = re.compile(r"(?:[A-Za-z]:)?[/\\]|~|\.\.?[/\\]|[A-Za-z][A-Za-z0-9+.-]*://|file:")
NAMED_LIKE = frozenset(("name", "date_saved"))
MAX_INNER = 8
"""JSON in a text of JSON, so deep."""
SMALLEST = len('{"class_name":""}')
MAX_TOLD = 100
CODE_REMEDY = "do not load this model; export it to ONNX or safetensors where you trust it"
UNKNOWN_REMEDY = "read what it does; if you trust it, allow it by its exact name"


@dataclass(frozen=True)
class Names:
    """What the pack lists, of each kind."""

    classes: frozenset[str]
    hub: frozenset[str]
    functions: frozenset[str]
    specials: frozenset[str]
    specs: frozenset[str]
    tensorflow: frozenset[str]


@cache
def known() -> Names:
    """The pack, read once."""
    pack = read_pack("keras")
    kinds = ("classes", "hub", "functions", "specials", "specs", "tensorflow")
    return Names(*(frozenset(name for group in pack[kind] for name in group["names"]) for kind in kinds))


def parsed(text: str) -> tuple[Any, list[str], list[Any]]:
    """(value, keys that stand twice, the values that a reader of the last one drops), read as Python does.

    Raises ValueError, RecursionError.
    """
    twice: list[str] = []
    dropped: list[Any] = []

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                twice.append(key)
                dropped.append(found[key])
            found[key] = value
        return found

    return json.loads(text, object_pairs_hook=keep), twice, dropped


class Configuration:
    """Judges one configuration."""

    def __init__(self, walk: Walk, path: str) -> None:
        self.walk, self.path = walk, path
        self.told: set[str] = set()

    def text(self, text: str, depth: int = 0) -> None:
        """JSON. Raises ValueError, RecursionError for what is none."""
        value, twice, dropped = parsed(text)
        for key in dict.fromkeys(twice):
            message = f"the key {printable(key)!r} stands twice in one object: readers take one or the other"
            self._tell("duplicate", Severity.HIGH, printable(key, 40), message, CODE_REMEDY, ("CWE-436",))
        self.value([value, *dropped], depth)

    def value(self, value: Any, depth: int = 0) -> None:
        """Everything in a value."""
        for item in _dicts(value):
            if isinstance(item, str):
                self._inner(item, depth)
                continue
            if "class_name" in item or "type_spec" in item:
                self._object(item)
            self._settings(item)

    def _inner(self, text: str, depth: int) -> None:
        """JSON in a text, which some loader may take for a configuration of its own."""
        if len(text) < SMALLEST or text.lstrip()[:1] not in ("{", "[") or text.rstrip()[-1:] not in ("}", "]"):
            return
        if depth >= MAX_INNER:
            message = f"JSON stands in texts of JSON, more than {MAX_INNER} deep"
            self._tell("unknown", Severity.HIGH, "", message, UNKNOWN_REMEDY, ("CWE-436",))
            return
        with contextlib.suppress(ValueError):
            self.text(text, depth + 1)

    def _object(self, item: dict[str, Any]) -> None:
        name, home, registered = item.get("class_name"), item.get("module"), item.get("registered_name")
        if not isinstance(name, str):
            self._unknown(repr(name), "a class is not named by a text")
        elif name in RUNS_CODE:
            message, reference = RUNS_CODE[name]
            self._seen(name, Standing.DANGEROUS, message)
            references = ("CVE-2025-9905", "CWE-502") if name == "Lambda" else ("CWE-502",)
            self._tell("lambda", Severity.CRITICAL, name, message, CODE_REMEDY, (reference, *references))
        elif name in OPERATIONS:
            self._operation(item)
        elif name == "__typespec__":
            self._spec(item)
        elif name == "function" and isinstance(item.get("config"), str):
            self._judge(item["config"], home, registered, known().functions, "function")
        elif _of_hub(name, home, registered):
            self._seen(f"{home}.{name}", Standing.ALLOWED, "a class of KerasHub that is known")
        elif name not in known().specials:
            self._judge(name, home, registered, known().classes, "class")

    def _judge(self, name: str, home: Any, registered: Any, harmless: frozenset[str], kind: str) -> None:
        """A class or function by its name, the module that it is looked up in, and its registered name."""
        module = home if isinstance(home, str) else ""
        package = _package(registered, name)
        if name in harmless and module.partition(".")[0] in (*HOMES, "") and not package and home in (None, module):
            self._seen(f"{module or 'keras'}.{name}", Standing.ALLOWED, f"a {kind} of Keras that is known")
            return
        where, what = (package, str(registered).rpartition(">")[2] or name) if package else (module or "Custom", name)
        ruling = self.walk.judge.rule(where, what, "import")
        home_grown = module.partition(".")[0] in (*HOMES, "")
        foreign = not home_grown or module == "builtins"
        if name in OPENS and kind == "function":
            self._imports(where, what, Standing.DANGEROUS, OPENS[name])
        elif foreign and ruling.verdict is Standing.DANGEROUS:
            self._imports(where, what, ruling.verdict, ruling.reason)
        elif ruling.reason == BY_USER or (home_grown and f"{where}.{what}" in self.walk.judge.allow):
            self._seen(f"{where}.{what}", Standing.ALLOWED, BY_USER)
        elif not home_grown:
            self._imports(where, what, ruling.verdict, ruling.reason)
        else:
            self._unknown(f"{where}.{what}", f"building the model finds the {kind} {printable(f'{where}.{what}')}")

    def _imports(self, module: str, name: str, verdict: Standing, reason: str) -> None:
        dotted = printable(f"{module}.{name}")
        bad = verdict is Standing.DANGEROUS
        self._seen(dotted, verdict if bad else Standing.UNKNOWN, reason)
        rule, severity = ("call", Severity.CRITICAL) if bad else ("unknown", Severity.HIGH)
        why = reason if bad else "no pack lists it"
        message = f"building the model imports {dotted}: {why}"
        references = ("CVE-2025-8747", "CVE-2025-9906") if name in OPENS else ("CVE-2025-1550",)
        self._tell(rule, severity, dotted, message, UNKNOWN_REMEDY, (*references, "CWE-470"))

    def _operation(self, item: dict[str, Any]) -> None:
        config = item.get("config")
        function = config.get("function") if isinstance(config, dict) else None
        if item["class_name"] == "SlicingOpLambda" and function is None:
            return
        if not isinstance(function, str) or function not in known().tensorflow:
            self._unknown(f"tensorflow.{function}", f"a layer calls TensorFlow's {printable(str(function))}")

    def _spec(self, item: dict[str, Any]) -> None:
        name, home = item.get("spec_name"), item.get("module")
        if name not in known().specs or not str(home).startswith("tensorflow."):
            self._unknown(f"{home}.{name}", f"building the model finds {printable(f'{home}.{name}')}")

    def _settings(self, item: dict[str, Any]) -> None:
        """Settings that are paths: a vocabulary by name is read from the machine that loads the model."""
        for key, held in item.items():
            # bytes and the like are objects, and `open` takes bytes for a path as well
            value = held.get("config") if key in READS_FILES and isinstance(held, dict) else held
            if not isinstance(value, str) or not value or key in NAMED_LIKE:
                continue
            if key in READS_FILES or PATH.match(value):
                message = f"{printable(key, 40)} is {printable(value)!r}: loading may read that file or address"
                self._tell("file", Severity.HIGH, printable(f"{key}: {value}", 100), message, CODE_REMEDY, FILES)

    def _unknown(self, dotted: str, message: str) -> None:
        self._seen(printable(dotted), Standing.UNKNOWN, "no pack lists it")
        if dotted not in self.walk.judge.allow:
            self._tell("unknown", Severity.HIGH, printable(dotted), message, UNKNOWN_REMEDY, ("CWE-470",))

    def _seen(self, dotted: str, verdict: Standing, reason: str) -> None:
        self.walk.saw(printable(dotted), "keras", verdict, reason)

    def _tell(
        self, rule: str, severity: Severity, part: str, message: str, remedy: str, references: tuple[str, ...]
    ) -> None:
        if message in self.told or len(self.told) > MAX_TOLD:
            return
        self.told.add(message)
        self.walk.flaw(f"artifact.keras.{rule}", severity, Place(self.path, part), message, remedy, references)


def _of_hub(name: str, home: Any, registered: Any) -> bool:
    """Whether a class is KerasHub's own, by its module and by how it registers itself."""
    package = home.partition(".")[0] if isinstance(home, str) else ""
    return name in known().hub and package in HUBS and registered in (None, name, *(f"{hub}>{name}" for hub in HUBS))


def _package(registered: Any, name: str) -> str:
    """The package of a class that the user must have registered; "" for Keras' own."""
    if registered in (None, name, "function", f"keras>{name}", f"Keras>{name}", f"builtins>{name}", ""):
        return ""
    if not isinstance(registered, str):
        return "Custom"
    return registered.partition(">")[0] if ">" in registered else "Custom"


def _dicts(value: Any) -> Iterator[Any]:
    """Every object and every text in a value, without recursion."""
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            yield item
            todo.extend(item.values())
        elif isinstance(item, list):
            todo.extend(item)
        elif isinstance(item, str):
            yield item
