"""Core ML: models as messages, their programs, and what of an app or of other files they would use.

Layouts: mlmodel/format/*.proto of coremltools (`packs/coreml_proto.json`). A custom layer or model runs a class of the
app by its name; a linked model and the weights of a program lie in other files.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from ...core.nouns import Severity
from ..verdicts import BY_USER, Standing, read_pack
from ..walk import Walk, printable
from . import raw_numbers
from .graphs import Teller
from .onnx_external import leaves
from .protobuf import Layout, Message, first, shape_of
from .protobuf_tour import Tour, Trail

KINDS = 200
"""Fields of a model from this number on say which kind it is; exactly one is set."""
DESCRIPTION, UPDATABLE = 2, 10
AT_MODEL = "@model_path/"
WEIGHTS = frozenset(("floatValue", "float16Value", "rawValue", "int8RawValue"))
MAX_TOLD = 100


@cache
def operators() -> frozenset[str]:
    """Operators of programs that compute."""
    return frozenset(read_pack("coreml_ops")["allow"].split())


def sniff(data: memoryview) -> bool:
    """Whether this is a Model: a version, a description, and one field that says its kind."""
    shape = shape_of(data) or {}
    kinds = [number for number in shape if number >= KINDS]
    others = set(shape) - set(kinds)
    if len(kinds) != 1 or shape.get(1, 0) or shape.get(DESCRIPTION, 2) != 2 or not others <= {0, 1, 2, UPDATABLE}:
        return False
    return shape_of(first(data, kinds[0])) is not None


def walk(walk: Walk, data: memoryview, path: str) -> None:
    """Walk the model. Raises Broken."""
    teller = Teller(walk, path, "coreml")
    Model(teller).walk(data)
    teller.finish()


def walk_manifest(walk: Walk, value: dict[str, Any], path: str) -> None:
    """Hold the paths of a package's Manifest.json, and the item that it calls its model, to the package."""
    items = value.get("itemInfoEntries")
    paths = {k: i.get("path") for k, i in items.items() if isinstance(i, dict)} if isinstance(items, dict) else {}
    teller = Teller(walk, path, "coreml")
    for name in paths.values():
        if not isinstance(name, str) or leaves(name):
            what = f"the package names the file {printable(str(name))!r}, outside of it"
            teller.flaw("escape", Severity.HIGH, "itemInfoEntries", what, "do not load this model", ("CWE-22",))
    if (root := value.get("rootModelIdentifier")) is not None and root not in paths:
        what = "the package has no item of the name that it gives for its model"
        teller.flaw("manifest", Severity.MEDIUM, "rootModelIdentifier", what, "do not load this model", ("CWE-20",))


class Model:
    """One walk through a Model."""

    def __init__(self, teller: Teller) -> None:
        self.teller, self.layout = teller, Layout("coreml")
        self.told: set[str] = set()

    def walk(self, data: memoryview) -> None:
        """Everything. Raises Broken."""
        handlers = {
            "CustomModel": self.custom,
            "CustomLayerParams": self.custom,
            "LinkedModelFile": self.linked,
            "SerializedModel": self.serialized,
            "MILSpec.Operation": self.operation,
            "MILSpec.Value.BlobFileValue": self.weights,
        }
        tour = Tour(self.teller.walk, self.layout, handlers, self.teller.odd, self.teller.text, self.blob)
        tour.go(data, "Model")

    def custom(self, message: Message, trail: Trail) -> None:
        """A class that the app brings along."""
        name = message.text("className")
        if self._allowed(name):
            return
        what = f"the model runs the class {printable(name)!r} of whichever app loads it"
        remedy = "know that class before you ship the model; or convert it without custom layers"
        self._once("custom", Severity.HIGH, name, trail, what, remedy, ("CWE-470",))

    def linked(self, message: Message, trail: Trail) -> None:
        """Another model, by the name of its file and where to look for it."""
        values = [self.layout.read(message.bytes(name), "StringParameter").text("defaultValue") for name in (
            "linkedModelFileName", "linkedModelSearchPath")]  # fmt: skip
        outside = any(leaves(value) for value in values if value)
        where = "outside the model's folder" if outside else "which is not read with this one"
        what = f"the model loads the model {printable('/'.join(values))!r}, {where}"
        severity = Severity.HIGH if outside else Severity.MEDIUM
        self._once("linked", severity, str(values), trail, what, "scan that model as well", ("CWE-22",))

    def serialized(self, message: Message, trail: Trail) -> None:
        """A model as bytes for some other framework."""
        name = message.text("identifier")
        self.teller.walk.skip(self.teller.path or "the file", f"it holds a model for {printable(name)!r} as mere bytes")

    def operation(self, message: Message, trail: Trail) -> None:
        """One operator of a program."""
        name = message.text("type")
        if name in operators() or name in self.told or self._allowed(name):
            return
        self.told.add(name)
        self.teller.walk.saw(f"coreml::{printable(name)}", "operator", Standing.UNKNOWN, "no pack lists it")
        if len(self.told) <= MAX_TOLD:
            self.teller.operator(name, str(trail))

    def weights(self, message: Message, trail: Trail) -> None:
        """Weights in a file of the package."""
        name = message.text("fileName")
        if not name.startswith(AT_MODEL) or leaves(name.removeprefix(AT_MODEL)):
            what = f"weights are read from {printable(name)!r}, outside the model's package"
            self._once("escape", Severity.HIGH, name, trail, what, "do not load this model", ("CWE-22",))

    def blob(self, data: memoryview, trail: Trail) -> None:
        """Bytes that are no weights."""
        if trail.name not in WEIGHTS:
            self.teller.blob(data, trail)
        else:
            raw_numbers.look(self.teller.walk, data, self.teller.path, trail)

    def _allowed(self, name: str) -> bool:
        if f"coreml::{name}" not in self.teller.walk.judge.allow:
            return False
        self.teller.walk.saw(f"coreml::{printable(name)}", "operator", Standing.ALLOWED, BY_USER)
        return True

    def _once(
        self, rule: str, severity: Severity, key: str, trail: Trail, what: str, remedy: str, references: tuple[str, ...]
    ) -> None:
        if (rule + key) not in self.told and len(self.told) < MAX_TOLD:
            self.told.add(rule + key)
            self.teller.flaw(rule, severity, str(trail), what, remedy, references)
