"""A stranger's model as it is shipped: magika's file-type classifier, and files of this machine to try it on.

    python examples/magika/prepare.py     # writes examples/magika/build/

The ONNX file ships inside the wheel `magika` (Apache-2.0). The labels come from the extensions of real files
in Python's own installation: what a user would have at hand.
"""

from __future__ import annotations

import json
import shutil
import site
import sysconfig
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import polars as pl

BUILD = Path(__file__).parent / "build"
LABELS = {".py": "python", ".h": "c", ".json": "json", ".html": "html", ".js": "javascript", ".css": "css",
          ".md": "markdown", ".so": "elf", ".pyc": "pythonbytecode", ".png": "png", ".gz": "gzip"}  # fmt: skip
PER_LABEL = 40
BLOCK = 4096


def tokens(content: bytes, begin: int, end: int, padding: int) -> list[int]:
    """The model's input: the first and last bytes, stripped of white space, padded at the inner ends."""
    first = content[:BLOCK].lstrip()[:begin]
    last = content[-BLOCK:].rstrip()[-end:] if end else b""
    return [*first, *[padding] * (begin - len(first)), *[padding] * (end - len(last)), *last]


def real_files() -> Iterator[tuple[str, bytes]]:
    """(label, content) of up to PER_LABEL files for each label, in a fixed order."""
    roots = [Path(sysconfig.get_paths()[key]) for key in ("stdlib", "include")] + [Path(site.getsitepackages()[0])]
    seen = dict.fromkeys(LABELS.values(), 0)
    for path in sorted(p for root in roots for p in root.rglob("*") if p.suffix in LABELS and p.is_file()):
        label = LABELS[path.suffix]
        if seen[label] < PER_LABEL and 200 < path.stat().st_size < 2_000_000:
            seen[label] += 1
            yield label, path.read_bytes()


def main() -> None:
    """Copy the model; write the tokens and labels of real files as a table of integers."""
    BUILD.mkdir(exist_ok=True)
    shipped = [Path(str(f.locate())) for f in distribution("magika").files or ()]
    model = next(p for p in shipped if p.name == "model.onnx")
    config = json.loads((model.parent / "config.min.json").read_text())
    shutil.copyfile(model, BUILD / "magika.onnx")
    sizes = (config["beg_size"], config["end_size"], config["padding_token"])
    labels, rows = zip(*((label, tokens(content, *sizes)) for label, content in real_files()), strict=True)
    table = pl.DataFrame(np.array(rows, np.int32), schema=[f"byte{i:04d}" for i in range(len(rows[0]))])
    table.with_columns(pl.Series("type", labels)).write_parquet(BUILD / "files.parquet")
    classes = "\n".join(f'  "{name}",' for name in config["target_labels_space"])
    (BUILD / "hauberk.toml").write_text(TOML.format(classes=classes))
    print(f"magika: {len(rows)} files of {len(set(labels))} types -> {BUILD / 'magika.onnx'}")


TOML = """# Written by prepare.py, because the model's labels are known only to its package.
[audit]
model = "magika.onnx"
data = "files.parquet"
target = "type"
output = "../../../audits/magika"
classes = [
{classes}
]
"""


if __name__ == "__main__":
    main()
