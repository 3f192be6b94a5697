"""skops: a zip of `schema.json`, which names the classes to build, and arrays. Each class is judged as in a pickle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...core.canon import parse_json
from ...core.errors import InputError
from ...core.nouns import Place, Severity
from ..verdicts import Standing
from ..walk import Walk, join, printable
from .attributes import CALLED, HOOKS
from .opcodes import Broken
from .zip import Archive, enter, read

LOADERS = frozenset((
    "BunchNode", "BytearrayNode", "BytesNode", "DictNode", "DefaultDictNode", "FunctionNode", "JsonNode",
    "ListNode", "MethodNode", "NdArrayNode", "MaskedArrayNode", "ObjectNode", "OrderedDictNode", "PartialNode",
    "RandomGeneratorNode", "RandomStateNode", "ReduceNode", "SGDNode", "SetNode", "SliceNode", "SparseMatrixNode",
    "TreeNode", "TupleNode", "TypeNode", "DTypeNode", "LossNode", "CachedNode", "QuantileForestNode",
    "FrozenSetNode", "ComplexNode", "DateNode", "LossFunctionNode",
))  # fmt: skip
"""skops' own loaders, without OperatorFuncNode, which finds any function of `operator` (CVE-2025-54413)."""
BUILTINS = (
    "str", "int", "float", "bool", "NoneType", "list", "dict", "tuple", "set", "frozenset", "bytes", "bytearray",
    "slice", "complex",
)  # fmt: skip
SET = HOOKS | CALLED
PLAIN = frozenset(("builtins", name) for name in BUILTINS)


def owns(archive: Archive) -> bool:
    """Whether this zip is a skops file."""
    return archive.named("schema.json") is not None


def walk_zip(walk: Walk, archive: Archive, path: str) -> None:
    """Judge every node of the schema, and walk every array. Raises Broken."""
    for member in archive.members:
        if member.name != "schema.json":
            enter(walk, archive, member, path)
            continue
        content = read(walk, archive, member, path)
        if content is not None:
            place = join(path, "schema.json")
            walk.formats[place] = "skops"
            _schema(walk, content, place)


def _schema(walk: Walk, content: memoryview, place: str) -> None:
    try:
        schema = parse_json(bytes(content), what="schema.json")
    except InputError as error:
        raise Broken(str(error)) from error
    told: set[str] = set()
    for number, node in enumerate(_nodes(schema)):
        complaint, severity = _judge(walk, node)
        if complaint and complaint not in told:
            told.add(complaint)
            rule = "artifact.skops.call" if severity is Severity.CRITICAL else "artifact.skops.unknown"
            remedy = "read what it does; if you trust it, allow it by its exact name"
            walk.flaw(rule, severity, Place(place, f"node {number}"), complaint, remedy, ("CWE-502",))


def _judge(walk: Walk, node: dict[str, Any]) -> tuple[str, Severity]:
    module, name, loader = (str(node.get(key, "")) for key in ("__module__", "__class__", "__loader__"))
    if loader not in LOADERS:
        return f"loading uses the loader {printable(loader)!r}, which is not understood", Severity.HIGH
    content = node.get("content")
    if loader == "DictNode" and isinstance(content, dict) and (hook := {k for k in content if k[:1] == "_"} & SET):
        return f"loading sets the attribute {min(hook)!r}, which it calls or obeys later", Severity.HIGH
    if loader == "MethodNode":
        return _method(walk, module, name, content)
    if (module, name) in PLAIN:
        return "", Severity.INFO
    ruling = walk.judge.rule(module, name, "import")
    dotted = printable(f"{module}.{name}")
    walk.saw(dotted, loader, ruling.verdict, ruling.reason)
    if (ruling.shape and loader == "ReduceNode") or walk.judge.narrow(module, name):
        return f"loading calls {dotted}, and with what cannot be seen", Severity.HIGH
    if ruling.state and ruling.state != "text_input" and loader != "DTypeNode":
        return f"loading sets the state of {dotted}, which runs code from it", Severity.HIGH
    if ruling.verdict is Standing.ALLOWED:
        return "", Severity.INFO
    severity = Severity.CRITICAL if ruling.verdict is Standing.DANGEROUS else Severity.HIGH
    return f"loading builds {dotted}: {ruling.reason}", severity


def _method(walk: Walk, module: str, name: str, content: Any) -> tuple[str, Severity]:
    """A bound method: an attribute of an object, by name; of what another one gave it could be anything."""
    func, owner = (content.get(key) if isinstance(content, dict) else None for key in ("func", "obj"))
    dotted = printable(f"{module}.{name}.{func}")
    ruling = walk.judge.rule(module, f"{name}.{func}", "import")
    walk.saw(dotted, "MethodNode", ruling.verdict, ruling.reason)
    if not isinstance(owner, dict) or owner.get("__loader__") not in ("ObjectNode", "NdArrayNode"):
        return f"loading takes {dotted} from what is no plain object", Severity.HIGH
    if ruling.verdict is Standing.ALLOWED:
        return "", Severity.INFO
    severity = Severity.CRITICAL if ruling.verdict is Standing.DANGEROUS else Severity.HIGH
    return f"loading takes the attribute {dotted}: {ruling.reason}", severity


def _nodes(schema: Any) -> Iterator[dict[str, Any]]:
    todo = [schema]
    while todo:
        item = todo.pop()
        if isinstance(item, dict):
            if "__loader__" in item or "__class__" in item:
                yield item
            todo.extend(item.values())
        elif isinstance(item, list):
            todo.extend(item)
