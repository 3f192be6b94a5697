"""The Check `artifact.digest`: what files the model is made of, each by digest, and who else may write them."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from ..core.canon import Json
from ..core.errors import InputError
from ..core.exhibits import Table
from ..core.limits import Limits
from ..core.notebook import Notebook
from ..core.nouns import Evidence, Measurement, Place, Severity
from ..core.ports import Inputs, Need
from .manifest import Found, Manifest, files_of, manifest

SHOWN_FILES = 2000
"""Rows of the manifest kept in evidence; the digest covers them all."""


class Digest:
    """Names the model by its bytes."""

    id: str = "artifact.digest"
    version: str = "1"
    title: str = "The model's files and their digests"
    needs: tuple[Need, ...] = (Need.ARTIFACT,)
    roles: tuple[str, ...] = ("model",)
    defaults: Mapping[str, Json] = MappingProxyType({})
    tools: tuple[str, ...] = ()

    def run(self, inputs: Inputs, limits: Limits, seed: int) -> Evidence:
        """Hash every file. Raises InputError when the digest is not the subject's."""
        if inputs.artifact is None:
            raise InputError("artifact.digest: no model file was given")
        book = Notebook(self, inputs, limits, seed)
        seen = manifest(inputs.artifact, limits, inputs.progress)
        if seen.digest != inputs.subjects["model"].digest:
            raise InputError(f"{inputs.artifact}: changed since it was named", hint="audit it again")
        book.measure(_exact("size", seen.size, "bytes"))
        book.measure(_exact("files", len(seen.files), "count"))
        book.show(_table(seen, inputs.artifact))
        for found in files_of(inputs.artifact, limits):
            _permissions(book, found)
        return book.evidence()


def _exact(name: str, value: int, unit: str) -> Measurement:
    return Measurement(name, value, value, value, 0.0, 1, unit, "counted")


def _table(seen: Manifest, path: Path) -> Table:
    rows = tuple((entry.path or path.name, entry.size, entry.digest) for entry in seen.files[:SHOWN_FILES])
    return Table("manifest", "Manifest", ("file", "bytes", "digest"), rows)


def _permissions(book: Notebook, found: Found) -> None:
    if os.stat(found.location).st_mode & stat.S_IWOTH:
        message = "every user of this machine may write this file"
        book.find("artifact.digest.writable", Severity.LOW, "model", Place(found.path), message,
                  remedy="chmod o-w", references=("CWE-732",))  # fmt: skip
    if found.link:
        message = f"this is a symbolic link inside the folder, to {found.link!r}; its target was hashed"
        book.find("artifact.digest.link", Severity.INFO, "model", Place(found.path), message,
                  remedy="copy the file in, so that the folder stands alone", references=("CWE-59",))  # fmt: skip


DIGEST = Digest()
