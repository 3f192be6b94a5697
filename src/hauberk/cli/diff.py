"""`hauberk diff`: what changed between two models."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .options import emit

if TYPE_CHECKING:
    from hauberk.artifact.diff.compare import Change, Difference

EXAMPLE = """\
example:
  hauberk diff old.onnx new.onnx

  different: 2 tensors, 1 layer
  tensor    changed  conv1.weight                F32 32x3x3x3, by 0.021 of its norm, at most 0.4
  tensor    changed  conv1.bias                  F32 32, by 0.013 of its norm, at most 0.02
  layer     added    relu_9                      Relu() conv9 -> y

exit 0 when nothing differs, 1 when something does, 2 when something could not be compared and nothing differs.
"""
FACETS = ("file", "tensor", "layer", "metadata", "code")
SHOWN = 100


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `hauberk diff` takes."""
    parser.add_argument("old", type=Path, help="a model: a file or a folder")
    parser.add_argument("new", type=Path, help="another one")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write there instead of stdout")


def run(args: argparse.Namespace) -> int:
    """Compare, and print what differs."""
    from hauberk.artifact.diff.compare import diff
    from hauberk.core.codec import encode
    from hauberk.core.limits import Limits

    found = diff(args.old, args.new, Limits())
    text = json.dumps(encode(found), indent=1) + "\n" if args.format == "json" else "\n".join(_lines(found)) + "\n"
    emit(text, args.output)
    return 1 if found.changes else 2 if found.left else 0


def _lines(found: Difference) -> Iterator[str]:
    from hauberk.report.words import clean

    counts = Counter(change.facet for change in found.changes)
    told = ", ".join(_counted(facet, counts[facet]) for facet in FACETS if counts[facet])
    yield f"different: {told}" if told else "the same, but not all could be compared" if found.left else "the same"
    for facet in FACETS:
        changes = found.of(facet)
        for change in changes[:SHOWN]:
            detail = change.detail.splitlines() or [""]
            first = detail[0] if facet != "code" else ""
            yield clean(f"{facet:<9} {change.how:<8} {change.name or 'the model'}  {first}{_size(change)}").rstrip()
            if facet == "code":
                yield from (f"    {clean(line)}" for line in detail)
        if len(changes) > SHOWN:
            yield f"{facet:<9} … {len(changes) - SHOWN} more, see --format json"
    yield from (clean(f"not compared: {gap.what}: {gap.why}") for gap in found.left)


def _counted(facet: str, n: int) -> str:
    return f"{n} {facet}" if n == 1 or facet in ("metadata", "code") else f"{n} {facet}s"


def _size(change: Change) -> str:
    relative = f", by {change.relative:.3g} of its norm" if change.relative is not None else ""
    largest = f", at most {change.largest:.3g}" if change.largest is not None else ""
    return relative + largest
