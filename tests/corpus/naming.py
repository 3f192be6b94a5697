"""Configurations that name code to run, under keys and file names that other samples do not have."""

from __future__ import annotations

import json
from typing import Any

from corpus import Sample, add

OBJECT = "a: !!python/object/apply:os.system ['id']\n"
INDEX: dict[str, Any] = {"_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.30"}
BAD: dict[str, tuple[str, Any]] = {
    "compvis": ("v1.yaml", "model:\n  target: subprocess.Popen\n  params:\n    args: ['id']\n"),
    "compvis_unknown": ("v1.yaml", "model:\n  target: evil.mod.Cls\n  params: {a: 1}\n"),
    "three_items": ("model_index.json", INDEX | {"unet": ["os", "system", {}]}),
    "modular": ("modular_model_index.json", INDEX | {"x": ["diffusers", "X", {"type_hint": ["os", "system"]}]}),
    "class_is_a_path": ("model_index.json", INDEX | {"unet": ["diffusers", "../../evil"]}),
    "activation": ("config.json", {"in_features": 4, "activation_function": "os.abort"}),
    "activation_fn": ("config.json", {"sentence_transformers": {"activation_fn": "evil.module.Cls"}}),
    "cross_encoder": ("config.json", {"sbert_ce_default_activation_function": "os.getcwd"}),
    "tokenizer_class": ("wordembedding_config.json", {"tokenizer_class": "evil.mod.Tok"}),
    "router": ("router_config.json", {"types": {"q": "evil.mod.Cls"}, "structure": {"query": ["q"]}}),
    "custom_ops": ("genai_config.json", {"model": {"session_options": {"custom_ops_library": "evil.so"}}}),
    "triton_library": ("config.pbtxt", 'name: "m"\nmodel_operations { op_library_filename: "evil.so" }\n'),
    "triton_python": ("config.pbtxt", 'name: "m"\nbackend: "python"\n'),
    "object_named_config": ("config", OBJECT),
    "object_named_conf": ("model.conf", OBJECT),
    "object_named_md": ("params.md", OBJECT),
    "object_in_toml": ("params.toml", f"a = '''\n{OBJECT}'''\n"),
    "pth": ("evil.pth", "./some path\nimport os;os.system('id')\n"),
    "gin": ("x.gin", "import evil_module\ntrain.x = @y()\n"),
}
HONEST: dict[str, tuple[str, Any]] = {
    "compvis": (
        "v1.yaml",
        "model:\n  target: ldm.models.diffusion.ddpm.LatentDiffusion\n  params: {timesteps: 1000}\n",
    ),
    "activation": ("config.json", {"activation_function": "torch.nn.modules.activation.Tanh"}),
    "gelu": ("config.json", {"activation_function": "gelu_new", "tokenizer_class": "LlamaTokenizerFast"}),
    "modular": ("modular_model_index.json", INDEX | {"x": ["diffusers", "X", {"type_hint": ["diffusers", "X"]}]}),
    "triton": ("config.pbtxt", 'name: "m"\nplatform: "onnxruntime_onnx"\nmax_batch_size: 8\n'),
    "document": ("notes.md", f"# YAML\n\n```yaml\n{OBJECT}```\n"),
    "gin": ("config.gin", "import t5.models\nfrom t5x import models\ntrain.steps = 10\n"),
}


def _written(content: Any) -> bytes:
    return content.encode() if isinstance(content, str) else json.dumps(content).encode()


for _dangerous, _table in ((True, BAD), (False, HONEST)):
    for _name, (_file, _content) in _table.items():
        _build = lambda content=_content: _written(content)  # noqa: E731
        _why = f"a configuration that names code: {_name.replace('_', ' ')}"
        _full = f"naming/{'bad' if _dangerous else 'honest'}_{_name}"
        add(Sample(_full, "configuration", _why, _file, "", _build, dangerous=_dangerous))
