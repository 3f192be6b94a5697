"""What a model's own files say of it: the front matter of its README, its config.json, its licence file.

These are claims of whoever published the model. Nothing here is trusted; it is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ...core.canon import parse_json
from ...core.errors import InputError
from ...core.limits import Limits
from ..manifest import Manifest
from ..verdicts import read_pack

READ_MAX = 1 << 20
"""Bytes read of a README, a configuration or a licence."""
TEXT_MAX = 500
LICENCE_FILES = re.compile(r"(LICEN[CS]E|COPYING)([.-][\w.-]*)?", re.IGNORECASE)
TITLES = (
    (r"Apache License\s+Version 2\.0", "Apache-2.0"),
    (r"MIT License|Permission is hereby granted, free of charge, to any person obtaining a copy", "MIT"),
    (r"BSD 3-Clause|Neither the name of .{1,80} nor the names of its contributors", "BSD-3-Clause"),
    (r"BSD 2-Clause", "BSD-2-Clause"),
    (r"GNU AFFERO GENERAL PUBLIC LICENSE\s+Version 3", "AGPL-3.0-only"),
    (r"GNU LESSER GENERAL PUBLIC LICENSE\s+Version 3", "LGPL-3.0-only"),
    (r"GNU GENERAL PUBLIC LICENSE\s+Version 3", "GPL-3.0-only"),
    (r"GNU GENERAL PUBLIC LICENSE\s+Version 2", "GPL-2.0-only"),
    (r"Mozilla Public License,? [Vv]ersion 2\.0", "MPL-2.0"),
    (r"Attribution 4\.0 International", "CC-BY-4.0"),
    (r"CC0 1\.0 Universal", "CC0-1.0"),
)
"""Words that stand in a licence and in no other one before it in this table."""


@dataclass(frozen=True)
class Licence:
    """A licence that somebody declared. id: of the SPDX list, '' when the name is not on it."""

    name: str
    id: str


@dataclass(frozen=True)
class Card:
    """Claims about a model; '' and () where nothing is claimed."""

    licences: tuple[Licence, ...] = ()
    description: str = ""
    task: str = ""
    family: str = ""
    architecture: str = ""
    library: str = ""
    datasets: tuple[str, ...] = ()
    base_models: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    sources: tuple[str, ...] = field(default=())


def read_card(path: Path, manifest: Manifest, limits: Limits) -> Card:
    """Gather the claims from the files at the root of a folder; an empty card for a single file."""
    if not manifest.folder:
        return Card()
    names = {entry.path: entry for entry in manifest.files if "/" not in entry.path and entry.size <= READ_MAX}
    readme = next((n for n in names if n.lower() in ("readme.md", "model_card.md", "modelcard.md")), "")
    front = front_matter(_text(path, readme)) if readme else {}
    config = _config(path, "config.json") if "config.json" in names else {}
    files = [name for name in names if LICENCE_FILES.fullmatch(name)]
    licences = [licence(name) for name in _words(front.get("license"))] or [_from_text(_text(path, n)) for n in files]
    return Card(
        licences=tuple(dict.fromkeys(one for one in licences if one.name)),
        description=_line(front.get("summary") or front.get("model_summary")),
        task=_line(front.get("pipeline_tag")),
        family=_line(config.get("model_type")),
        architecture=", ".join(_words(config.get("architectures"))),
        library=_line(front.get("library_name")),
        datasets=_words(front.get("datasets")),
        base_models=_words(front.get("base_model")) or _words(config.get("_name_or_path")),
        languages=_words(front.get("language")),
        tags=_words(front.get("tags")),
        metrics=_words(front.get("metrics")),
        sources=tuple(name for name in (readme, "config.json" if config else "", *files) if name),
    )


def licence(name: str) -> Licence:
    """A declared licence, by its SPDX identifier when it is one in any case.

    >>> licence("apache-2.0"), licence("llama3")
    (Licence(name='apache-2.0', id='Apache-2.0'), Licence(name='llama3', id=''))
    """
    return Licence(name, _identifiers().get(name.lower(), ""))


@cache
def _identifiers() -> Mapping[str, str]:
    return {one.lower(): one for one in read_pack("licences")["ids"]}


def _from_text(text: str) -> Licence:
    found = next((name for pattern, name in TITLES if re.search(pattern, text)), "")
    return Licence(found or "see the licence file", found)


def front_matter(text: str) -> Mapping[str, Any]:
    """The words and lists of words between the two lines of dashes that a README begins with; deeper ones are left out.

    >>> front_matter("---\\nlicense: mit\\ndatasets:\\n- a\\n- 'b'\\n---\\n# Title")
    {'license': 'mit', 'datasets': ['a', 'b']}
    """
    parts = re.split(r"^---[ \t]*$", text, maxsplit=2, flags=re.MULTILINE)
    found: dict[str, Any] = {}
    key = ""
    for line in parts[1].splitlines() if len(parts) == 3 and not parts[0].strip() else ():
        if match := re.fullmatch(r"([A-Za-z_][\w-]*):(?:[ \t]+(.*))?", line.rstrip()):
            key, value = match[1], (match[2] or "").strip()
            flow = value.startswith("[") and value.endswith("]")
            found[key] = [_bare(item) for item in value[1:-1].split(",")] if flow else _bare(value) or []
        elif (match := re.fullmatch(r"[ \t]*-[ \t]+([^:]+|\S+)", line.rstrip())) and isinstance(found.get(key), list):
            found[key].append(_bare(match[1]))
        elif line[:1].strip():
            key = ""
    return found


def _bare(value: str) -> str:
    return value.strip().strip("'\"")


def _text(path: Path, name: str) -> str:
    with (path / name).open("rb") as file:
        return file.read(READ_MAX).decode("utf-8", "replace")


def _config(path: Path, name: str) -> Mapping[str, Any]:
    try:
        value = parse_json(_text(path, name).encode(), what=name)
    except InputError:
        return {}  # the scan tells what is wrong with it
    return value if isinstance(value, dict) else {}


def _words(value: object) -> tuple[str, ...]:
    """A claim as a tuple of short texts, whether it is one or a list."""
    many = value if isinstance(value, list | tuple) else [value]
    return tuple(_line(item) for item in many[:50] if isinstance(item, str | int | float) and _line(item))


def _line(value: object) -> str:
    return " ".join(str(value).split())[:TEXT_MAX] if isinstance(value, str | int | float) else ""
