"""TorchServe's model archives (`.mar`): a zip whose manifest names the module that the server imports to serve it.

Source: TorchServe's `ts/model_loader.py` (the handler is imported from the archive, then from wherever Python finds it)
and model-archiver's `manifest_components`.
"""

from __future__ import annotations

from ...core.canon import parse_json
from ...core.errors import InputError
from ...core.nouns import Place, Severity
from ..walk import Walk, join, printable
from .opcodes import Broken
from .zip import Archive, enter, read

MANIFEST = "MAR-INF/MANIFEST.json"
HANDLERS = frozenset((
    "image_classifier", "image_segmenter", "object_detector", "text_classifier", "base_handler", "vision_handler",
    "text_handler",
))  # fmt: skip
"""What TorchServe brings itself, in `ts.torch_handler`."""
ENVELOPES = frozenset(("body", "json", "kserve", "kservev2"))
"""And in `ts.torch_handler.request_envelope`."""


def owns(archive: Archive) -> bool:
    """Whether this zip is a model archive of TorchServe."""
    return archive.named(MANIFEST) is not None


def walk_zip(walk: Walk, archive: Archive, path: str) -> None:
    """Judge the manifest; walk every other member by its content. Raises Broken for a manifest that is none."""
    packages = ""
    for member in archive.members:
        if member.name == MANIFEST:
            content = read(walk, archive, member, path)
            packages = _manifest(walk, archive, content, join(path, MANIFEST)) if content is not None else ""
    for member in archive.members:
        if member.name == packages:
            _requirements(walk, read(walk, archive, member, path), join(path, printable(member.name)))
        elif member.name != MANIFEST:
            enter(walk, archive, member, path)


def _manifest(walk: Walk, archive: Archive, content: memoryview, place: str) -> str:
    """The name of the list of packages, which the server installs when it is told to."""
    walk.formats[place] = "torchserve manifest"
    try:
        manifest = parse_json(bytes(content), what="manifest")
    except InputError as error:
        raise Broken(str(error)) from error
    model = manifest.get("model") if isinstance(manifest, dict) else None
    if not isinstance(model, dict):
        raise Broken("the manifest names no model")
    handler, envelope = str(model.get("handler", "")), str(model.get("envelope") or "body")
    if handler not in HANDLERS and not _inside(archive, handler):
        _tell(walk, place, "handler", handler)
    if envelope not in ENVELOPES:
        _tell(walk, place, "envelope", envelope)
    return str(model.get("requirementsFile") or "")


def _inside(archive: Archive, handler: str) -> bool:
    """Whether the handler is code of the archive itself, which is judged where it stands."""
    name = handler.partition(":")[0].rpartition("/")[2].removesuffix(".py")
    return archive.named(f"{name}.py") is not None


def _tell(walk: Walk, place: str, key: str, value: str) -> None:
    message = f"serving it imports the {key} {printable(value)!r}, which is neither TorchServe's nor in the archive"
    remedy = "know that module before you serve this model"
    walk.flaw("artifact.torchserve.import", Severity.HIGH, Place(place, f"model.{key}"), message, remedy, ("CWE-829",))


def _requirements(walk: Walk, content: memoryview | None, place: str) -> None:
    from . import requirements

    if content is None:
        return
    walk.formats[place] = "requirements"
    try:
        requirements.read(walk, str(content, "utf-8"), place)
    except UnicodeDecodeError as error:
        raise Broken("the list of packages is not UTF-8", error.start) from error
