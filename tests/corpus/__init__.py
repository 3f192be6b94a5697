"""Model files that are built by code: what must never be called clean, and what must.

Every format has a module here. A builder is decorated with `bad` (with what it closes: an advisory, a trick) or with
`honest` (with where such a file comes from), and returns the bytes of one file, or a folder of named ones:

    @bad("pickle", "GHSA-9gvj-pp9x-gcfr: a call through a private twin", file="model.pkl")
    def private_twin() -> bytes: ...

The tests scan every sample, and so does benchmarks/scan, beside the peers. Nothing here is ever loaded.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Link:
    """A symbolic link, or a hard one, in a folder of a sample. target: as written, relative to the link."""

    target: str
    hard: bool = False


Content = bytes | Mapping[str, bytes | Link]
Builder = Callable[[], Content]


@dataclass(frozen=True)
class Sample:
    """One model. form: the format that it passes for. why: what it closes, or where such files come from.

    file: its name when it is a single one. needs: a package without which it cannot be built.
    """

    name: str
    form: str
    why: str
    file: str
    needs: str
    build: Builder
    dangerous: bool

    def write(self, folder: Path) -> Path:
        """Write it below a folder; return the path to scan."""
        content = self.build()
        if isinstance(content, bytes):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / self.file).write_bytes(content)
            return folder / self.file
        root = folder / self.name.replace("/", "-")
        for name, part in content.items():
            place = root / name
            place.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(part, bytes):
                place.write_bytes(part)
            elif part.hard:
                place.hardlink_to(place.parent / part.target)
            else:
                place.symlink_to(part.target)
        return root


SAMPLES: dict[str, Sample] = {}


def bad(form: str, why: str, *, file: str = "model.bin", needs: str = "") -> Callable[[Builder], Builder]:
    """Register a builder of a file that no scanner may call clean."""
    return _register(form, why, file, needs, dangerous=True)


def honest(form: str, why: str, *, file: str = "model.bin", needs: str = "") -> Callable[[Builder], Builder]:
    """Register a builder of a file that a scanner must call clean."""
    return _register(form, why, file, needs, dangerous=False)


def add(sample: Sample) -> None:
    """Register a sample that was made in a loop. Raises ValueError for a name that is taken."""
    if sample.name in SAMPLES:
        raise ValueError(f"two samples are named {sample.name}")
    SAMPLES[sample.name] = sample


def _register(form: str, why: str, file: str, needs: str, *, dangerous: bool) -> Callable[[Builder], Builder]:
    def keep(build: Builder) -> Builder:
        name = f"{build.__module__.removeprefix('corpus.')}/{build.__name__}"
        add(Sample(name, form, why, file, needs, build, dangerous))
        return build

    return keep


def bad_names(module: str) -> set[str]:
    """The names of the dangerous samples of a module, without the module's."""
    named = [sample.name.partition("/") for sample in samples() if sample.dangerous]
    return {name for where, _, name in named if where == module}


def samples() -> list[Sample]:
    """Every sample of every module, by name."""
    for module in pkgutil.iter_modules(__path__, "corpus."):
        importlib.import_module(module.name)
    return [SAMPLES[name] for name in sorted(SAMPLES)]
