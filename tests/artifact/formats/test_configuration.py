"""Configurations: which rule fires for what a loader would do, and what a name may be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus import SAMPLES, samples
from corpus.media import gif
from hauberk.artifact.formats import requirements, targets
from hauberk.artifact.formats.json_file import parse
from hauberk.artifact.scan import Scanned, scan

Scanner = Callable[..., Scanned]
samples()

RULES = {
    "huggingface/auto_map": "artifact.config.remote",
    "huggingface/auto_map_wide": "artifact.config.remote",
    "huggingface/auto_map_twice": "artifact.config.remote",
    "huggingface/trust_remote_code": "artifact.config.trust",
    "huggingface/attention_kernel": "artifact.config.kernel",
    "huggingface/peft_import": "artifact.config.import",
    "huggingface/custom_module": "artifact.config.target",
    "huggingface/module_walks": "artifact.config.target",
    "huggingface/pipeline_import": "artifact.config.import",
    "huggingface/shards_outside": "artifact.config.escape",
    "huggingface/jsonpickle": "artifact.config.jsonpickle",
    "huggingface/langchain": "artifact.config.langchain",
    "huggingface/pickle_in_json": "artifact.pickle.call",
    "huggingface/monai_expression": "artifact.config.expression",
    "huggingface/hydra_target": "artifact.config.call",
    "huggingface/python_beside": "artifact.python.code",
    "huggingface/python_with_command": "artifact.python.call",
    "huggingface/card_with_tag": "artifact.yaml.object",
    "huggingface/card_with_script": "artifact.markup.script",
    "mlflow/loader": "artifact.mlflow.loader",
    "mlflow/code": "artifact.mlflow.code",
    "mlflow/model_outside": "artifact.mlflow.escape",
    "notebook/shell": "artifact.notebook.code",
    "notebook/notebook_javascript": "artifact.notebook.output",
    "requirements/git": "artifact.requirements.direct",
    "requirements/index": "artifact.requirements.index",
    "requirements/unpinned": "artifact.requirements.loose",
    "requirements/dockerfile_curl_shell": "artifact.dockerfile.run",
    "requirements/own_backend": "artifact.toml.build",
    "requirements/spacy_function": "artifact.ini.function",
    "executable/llamafile": "artifact.executable",
    "media/png_more_pixels": "artifact.png.broken",
    "text/order": "artifact.text.order",
    "text/unseen": "artifact.text.unseen",
}


@pytest.mark.parametrize("name", sorted(RULES))
def test_the_rule_that_fires(name: str, tmp_path: Path) -> None:
    assert RULES[name] in {f.rule for f in scan(SAMPLES[name].write(tmp_path)).findings}


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("torch.nn.Linear", True),
        ("nemo.collections.asr.modules.ConvASREncoder", True),
        ("monai.networks.nets.unet.UNet", True),
        ("sentence_transformers.models.Transformer", True),
        ("torch.nn.functional.torch.hub.load", False),
        ("torch.nn.Linear.forward", False),
        ("torch.nn.torch.Tensor", False),
        ("nemo.collections.asr.models.os.Popen", False),
        ("nemo.collections.asr.models.subprocess.Popen", False),
        ("nemo.collections.asr.models.torch.Hub", False),
        ("nemo.collections.__init__.Class", False),
        ("torch.nn", False),
        ("Linear", False),
        ("", False),
        ("torch..nn.Linear", False),
    ],
)
def test_what_a_target_may_be(name: str, known: bool) -> None:
    assert targets.known(name) is known


def test_keys_that_stand_twice(scanned: Scanner) -> None:
    assert parse(b'{"a": 1, "b": {"a": 2, "a": 3}}').twice == ("a",)
    assert {f.rule for f in scanned(b'{"a": 1, "a": 2}', "x.json").findings} == {"artifact.json.twice"}
    assert scanned(b'{"a": {"b": 1}, "c": {"b": 2}}', "x.json").verdict.value == "held"


@pytest.mark.parametrize(
    "line",
    ["numpy==1.26.4", "a>=1", "a[b,c]~=2.0 ; sys_platform == 'linux'", "-r other.txt", "--hash=sha256:00", "a (==1.0)",
     "--extra-index-url https://download.pytorch.org/whl/cu121"],
)  # fmt: skip
def test_requirements_that_are_fine(line: str) -> None:
    assert requirements.line_of(line) is None


def test_harmless_kin_of_findings(scanned: Scanner) -> None:
    """Near misses: each differs in one thing from what is told."""
    for value in (
        {"auto_mapping": None}, {"_target": "os.system"}, {"class_path": "not dotted"}, {"template": "Dear {name}"},
        {"weight_map": {"a": "sub/model-00001.safetensors"}}, {"lc": 1}, {"text": "gASV is how pickles begin"},
        {"cells": [1, 2]}, {"nbformat": 4}, {"attn_implementation": "flash_attention_2"}, {"format": "{{ user }}"},
        [{"type": "text", "path": "a"}], {"plugins": ["a"]}, {"note": "use {% raw %} in Jinja"},
    ):  # fmt: skip
        seen = scanned(json.dumps(value).encode(), "x.json")
        assert (seen.verdict.value, seen.findings) == ("held", ()), value


TEXTS = st.sampled_from(["{{ x.__class__ }}", "gASV" * 9, "$x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | TEXTS,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["auto_map", "_target_", "class_name", "config", "weight_map", "cells", "nbformat", "flavors",
                         "chat_template", "auto_mapping", "type", "path", "idx", "_class_name", "lc",
                         "_diffusers_version"]),
        inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(JSON, st.sampled_from(["config.json", "modules.json", "a.ipynb", "x.yaml", "MLmodel"]))
def test_any_value_gets_a_verdict(tmp_path: Path, value: object, name: str) -> None:
    """Whatever types stand where names are expected."""
    path = tmp_path / name
    path.write_text(json.dumps(value))
    seen = scan(path)
    assert (seen.verdict.value == "held") == (
        not [f for f in seen.findings if f.severity != "info"] and not seen.skipped
    )


@pytest.mark.parametrize(
    ("name", "data", "rule"),
    [
        ("MLmodel", b"flavors:\n  x:\n    loader_module: mlflow.sklearn.evil\n", "artifact.mlflow.loader"),
        ("x.index.json", b'{"weight_map": {"a": "http://e.example/w.bin"}}', "artifact.config.escape"),
        ("pyproject.toml", b'[build-system]\nrequires = []\nbackend-path = ["."]\n', "artifact.toml.build"),
        ("preview.gif", gif(behind=b"\x7fELF\2\1\1" + bytes(60)), "artifact.executable"),
    ],
)
def test_near_names_are_told(scanned: Scanner, name: str, data: bytes, rule: str) -> None:
    """A known name with something behind it, an address for a file, a program that is found by walking on."""
    assert rule in {f.rule for f in scanned(data, name).findings}


def test_text_whose_beginning_happens_to_be_a_pickle(scanned: Scanner) -> None:
    """C, a length, that many characters and a full stop: a constant, and then prose."""
    data = b"Ca" + b"b" * 97 + b".\nand so on\n"
    assert (scanned(data, "notes.txt").verdict.value, scanned(data, "notes.txt").formats[""]) == ("held", "text")
