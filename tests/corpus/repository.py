"""A whole repository as Hugging Face keeps them, into which samples put one thing that is wrong."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

from corpus.safetensors import made, tensor

CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 8,
    "model_type": "llama",
    "rope_scaling": None,
    "torch_dtype": "bfloat16",
    "transformers_version": "4.46.0",
}
TOKENIZER: dict[str, Any] = {
    "version": "1.0",
    "added_tokens": [{"id": 0, "content": "<s>", "special": True, "normalized": False}],
    "normalizer": {"type": "NFKC"},
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False},
    "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}]},
    "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE", "vocab": {"<s>": 0, "Ġthe": 1, "\u202e": 2}, "merges": ["Ġ t", "h e"]},
}
CARD = """---
license: apache-2.0
language:
- en
- de
tags: [text-generation, safetensors]
pipeline_tag: text-generation
base_model: someone/base
model-index:
- name: small
  results:
  - task: {type: text-generation}
    metrics:
    - type: accuracy
      value: 0.71
---

# Small

See <https://huggingface.co/docs> and run

```python
import os
from transformers import AutoModel
```

| a | b |
|---|---|
| 1 | 2 |
"""
ATTRIBUTES = "*.safetensors filter=lfs diff=lfs merge=lfs -text\n*.bin filter=lfs diff=lfs merge=lfs -text\n"


def dumps(value: Any) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode()


def png(extra: bytes = b"", behind: bytes = b"", pixels: bytes = b"\0\xff\0\0\0\0\xff\0") -> bytes:
    """A picture of two pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 1, 2, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body + behind


def repository(**other: bytes) -> dict[str, bytes]:
    """A whole repository, with some files put in or replaced (`a__b` stands for `a.b`)."""
    files = {
        "config.json": dumps(CONFIG),
        "generation_config.json": dumps({"bos_token_id": 0, "do_sample": True, "temperature": 0.6}),
        "tokenizer.json": dumps(TOKENIZER),
        "tokenizer_config.json": dumps({"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 1e30}),
        "special_tokens_map.json": dumps({"bos_token": "<s>"}),
        "model.safetensors": made({"a": tensor(0, 8, [2])}, struct.pack("<2f", 0.5, 1.5)),
        "README.md": CARD.encode(),
        "LICENSE": b"Apache License\nVersion 2.0, January 2004\nhttp://www.apache.org/licenses/\n",
        ".gitattributes": ATTRIBUTES.encode(),
        "merges.txt": "#version: 0.2\nĠ t\nh e\n".encode(),
        "vocab.json": dumps({"<s>": 0, "Ġthe": 1}),
        "preview.png": png(),
    }
    return files | {name.replace("__", "."): content for name, content in other.items()}
