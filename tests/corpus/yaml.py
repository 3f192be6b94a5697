"""YAML and other configurations: tags that build objects, classes by name, and what readers understand differently."""

from __future__ import annotations

from corpus import Sample, add, bad, honest

DANGEROUS = {
    "object_apply": "!!python/object/apply:os.system ['id']",
    "object_new": "a: !!python/object/new:subprocess.Popen [['id']]",
    "name": "f: !!python/name:os.system",
    "module": "m: !!python/module:os",
    "verbatim_tag": "a: !<tag:yaml.org,2002:python/object/apply:os.system> ['id']",
    "percent_in_tag": "a: !!%70ython/object/apply:os.system ['id']",
    "tag_directive": "%TAG !e! tag:yaml.org,2002:python/\n---\na: !e!object/apply:os.system ['id']",
    "primary_handle_redefined": "%TAG ! tag:yaml.org,2002:python/object/apply:\n---\n!os.system ['id']",
    "tag_on_a_key": "? !!python/object/apply:os.system ['id']\n: 1",
    "tag_in_a_flow": "{a: [1, {b: !!python/object/apply:os.system [id]}]}",
    "tag_below_its_key": "a:\n  !!python/object/apply:os.system\n  - id",
    "second_document": "a: 1\n---\nb: !!python/object/apply:os.system ['id']",
    "state_of_an_object": "!!python/object:os.environ {a: b}",
    "ruby_object": "--- !ruby/object:Gem::Installer\ni: x",
    "java_object": "a: !!javax.script.ScriptEngineManager []",
    "unknown_tag": "a: !Thing {x: 1}",
    "hyper_apply": "seed: !apply:os.system ['id']",
    "hyper_new": "a: !new:subprocess.Popen {args: id}",
    "hyper_name": "a: !name:os.system",
    "hyper_module": "a: !module:os",
    "hyper_include": "a: !include:../other.yaml",
    "hydra_target": "model:\n  _target_: os.system\n  command: id",
    "hydra_target_quoted": 'model:\n  "_target_": "os.system"',
    "hydra_target_escaped": 'model:\n  "\\x5ftarget_": os.system',
    "hydra_target_in_a_flow": "model: {_target_: builtins.exec, _args_: ['import os']}",
    "hydra_target_by_alias": "x: &f os.system\nmodel:\n  _target_: *f",
    "hydra_target_by_merge": "base: &b\n  _target_: os.system\nmodel:\n  <<: *b\n  command: id",
    "hydra_target_folded": "model:\n  _target_: >-\n    os.system",
    "hydra_walks": "model:\n  _target_: torch.nn.functional.torch.hub.load\n  repo_or_dir: evil/repo",
    "hydra_nemo_walks": "model:\n  _target_: nemo.collections.asr.models.os.Popen",
    "hydra_method": "model:\n  _target_: torch.hub.load",
    "hydra_get_method": "model:\n  _target_: hydra.utils.get_method\n  path: os.system",
    "hydra_import": "model:\n  _target_: importlib.import_module\n  name: evil",
    "hydra_unknown": "model:\n  _target_: my_package.MyModel",
    "lightning_class_path": "model:\n  class_path: os.system\n  init_args: {command: id}",
    "resolver": "a:\n  _target_: torch.nn.Linear\n  x: ${eval:1+1}",
    "key_twice": "a: 1\na: 2",
    "next_line_character": "a: 'x'\x85_target_: os.system",
    "line_separator": "a: x\u2028_target_: os.system",
    "lone_carriage_return": "a: x\r_target_: os.system",
    "complex_key": "? [a, b]\n: 1",
    "tab_indents": "a:\n\tb: 1",
    "unclosed_flow": "a: [1, 2",
    "two_keys_on_a_line": "a: b: c",
    "unknown_directive": "%FOO bar\n---\na: 1",
    "unknown_alias": "a: *nothing",
    "deep": "[" * 5000 + "]" * 5000,
    "template": "chat_template: \"{% set x = ''.__class__ %}\"",
    "template_block": "chat_template: |\n  {% for m in x %}\n  {{ m.__class__ }}\n  {% endfor %}",
    "auto_map": "auto_map:\n  AutoModel: modeling.X",
}
HONEST = {
    "nemo": (
        "name: QuartzNet\nsample_rate: &rate 16000\npreprocessor:\n"
        "  _target_: nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor\n  sample_rate: *rate\n"
        "encoder:\n  _target_: nemo.collections.asr.modules.ConvASREncoder\n"
        "  jasper:\n  - filters: 256\n    kernel: [33]\n"
        "    residual: false\noptim:\n  name: novograd\n  lr: "
        "1e-3\n  betas:\n  - 0.95\n  - 0.5\ntarget: ${model.train}\n"
    ),
    "hydra": (
        "model:\n  _target_: torch.nn.Linear\n  in_features: 4\noptimizer:\n  _target_: torch.optim.AdamW\n  lr: 0.1\n"
    ),
    "speechbrain": (
        "# Model parameters\npretrained_path: speechbrain/asr\nsample_rate: 16000\nn_mels: 80\n"
        "compute_features: !new:speechbrain.lobes.features.Fbank\n   "
        " sample_rate: !ref <sample_rate>\n    n_mels: !ref <n_mels>\n"
        "log_softmax: !new:torch.nn.LogSoftmax\n    dim: -1\nmodules:\n    encoder: !ref <compute_features>\n"
    ),
    "strings_of_all_kinds": (
        "plain: a b\n  c\nsingle: 'it''s\n  folded'\ndouble: \"a\\tb "
        '\\u00e9"\nliteral: |2\n    kept\nfolded: >-\n  one\n  two\n\n'
        "  three\nempty:\ncolon: http://a.b/c#d\nhash: a#b\nbang: a!b\nat: a@b\n"
    ),
    "flows": "a: [1, two, 'three', {b: c, d: }]\ne: {f: [g, h], i: \"j\"}\nk: []\nl: {}\nm: [a: 1, b: 2]\n",
    "documents": "%YAML 1.1\n---\na: 1\n...\n---\n- b\n- c: d\n  e: f\n- - g\n  - h\n",
    "plain_tags": "a: !!str 1\nb: !!int '2'\nc: !!set {x, y}\nd: ! e\n",
    "anchors": "base: &base {a: 1}\none:\n  <<: *base\n  b: 2\ntwo: *base\n",
    "conda": (
        "name: env\nchannels:\n- conda-forge\ndependencies:\n- "
        "python=3.10\n- pip\n- pip:\n  - mlflow==2.9.2\n  - numpy==1.26.4\n"
    ),
    "ultralytics": (
        "# Parameters\nnc: 80\nscales: # model compound scaling\n  n: [0.33, "
        "0.25, 1024]\nbackbone:\n  - [-1, 1, Conv, [64, 3, 2]] # 0-P1/2\n"
    ),
    "workflow": (
        "on: [push]\njobs:\n  test:\n    steps:\n    - uses: a/b@v4\n      "
        "with:\n        x: ${{ matrix.y }}\n    - run: |\n        echo '!!x'\n"
    ),
}

for _name, _text in DANGEROUS.items():
    _why = f"a configuration in YAML: {_name.replace('_', ' ')}"
    add(Sample(f"yaml/{_name}", "yaml", _why, "config.yaml", "", _text.encode, dangerous=True))
for _name, _text in HONEST.items():
    add(Sample(f"yaml/{_name}", "yaml", f"as {_name} writes it", "config.yaml", "", _text.encode, dangerous=False))


@bad("yaml", "aliases that expand a billionfold", file="config.yaml")
def bomb() -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    return "\n".join(lines).encode()


@bad("yaml", "an object in a file of no telling name", file="model.bin")
def object_without_a_name() -> bytes:
    return b"weights: [1, 2]\nloader: !!python/object/apply:os.system ['id']\n"


@bad("yaml", "UTF-16, which PyYAML reads by its mark", file="config.yaml")
def wide() -> bytes:
    return "a: !!python/object/apply:os.system ['id']\n".encode("utf-16")


@honest("yaml", "a lone carriage return with its line feed", file="config.yaml")
def windows_lines() -> bytes:
    return b"a: 1\r\nb:\r\n  - c\r\n"
