"""What a configuration makes a loader do: code of the repository, classes by name, templates, kernels, other files.

Holds plain values (dict, list, text, number), whatever they were written in: JSON, YAML, TOML.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from math import prod
from typing import Any

from ...core.nouns import Place, Severity
from ..walk import Walk, printable
from . import jinja, secrets, targets
from .json_file import objects, texts
from .member_names import escapes
from .script import FETCHES
from .text_kinds import name_of

Rule = Callable[[Walk, dict[str, Any], str], None]

CODE_REMEDY = "do not load this with code enabled; take a model that needs none, or read the code first"
TARGET_KEYS = ("_target_", "class_path", "cls", "_component_")
"""Hydra and NeMo; Lightning and jsonargparse; torchtune."""
DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
CLASS_KEYS = ("activation_function", "activation_fn", "sbert_ce_default_activation_function", "tokenizer_class")
"""Keys below which sentence-transformers imports a dotted name; other libraries put names without dots there."""
PIPELINE_LIBRARIES = frozenset(("diffusers", "transformers", "onnxruntime.training", "optimum.onnxruntime"))
DIFFUSERS = frozenset((
    "allegro", "alt_diffusion", "amused", "animatediff", "audioldm", "audioldm2", "aura_flow", "blip_diffusion",
    "bria", "chroma", "cogvideo", "cogview3", "cogview4", "consisid", "consistency_models", "controlnet",
    "controlnet_hunyuandit", "controlnet_sd3", "controlnet_xs", "cosmos", "dance_diffusion", "ddim", "ddpm",
    "deepfloyd_if", "deprecated", "dit", "easyanimate", "flux", "hidream_image", "hunyuan_video", "hunyuandit",
    "i2vgen_xl", "kandinsky", "kandinsky2_2", "kandinsky3", "kolors", "latent_consistency_models",
    "latent_diffusion", "latte", "ledits_pp", "ltx", "lumina", "lumina2", "marigold", "mochi", "musicldm",
    "omnigen", "pag", "paint_by_example", "pia", "pixart_alpha", "qwenimage", "sana", "semantic_stable_diffusion",
    "shap_e", "skyreels_v2", "stable_audio", "stable_cascade", "stable_diffusion", "stable_diffusion_3",
    "stable_diffusion_attend_and_excite", "stable_diffusion_diffedit", "stable_diffusion_gligen",
    "stable_diffusion_k_diffusion", "stable_diffusion_ldm3d", "stable_diffusion_panorama", "stable_diffusion_safe",
    "stable_diffusion_sag", "stable_diffusion_xl", "stable_video_diffusion", "t2i_adapter",
    "text_to_video_synthesis", "unclip", "unidiffuser", "versatile_diffusion", "visualcloze", "vq_diffusion", "wan",
    "wuerstchen",
))  # fmt: skip
"""Modules of diffusers.pipelines: a component may name one instead of a library."""
PEFT_HOMES = ("transformers", "diffusers", "peft", "sentence_transformers")
MONAI = ("initialize", "run", "imports", "finalize", "evaluator", "inferer", "postprocessing", "preprocessing")
"""Keys of a bundle's configuration below which texts that begin with $ are evaluated."""
JSONPICKLE = ("py/object", "py/reduce", "py/type", "py/function", "py/newargs", "py/repr", "py/state", "py/initargs",
              "py/newobj", "py/ref/", "py/error")  # fmt: skip
HOOKS = ("preinstall", "install", "postinstall")
COMMANDS = ("postCreateCommand", "postStartCommand", "postAttachCommand", "initializeCommand", "onCreateCommand",
            "updateContentCommand")  # fmt: skip
RUN = ("run", "command", "cmd", "entrypoint", "script", "args", "exec", "shell", "CMD")
SENTENCE = 24
BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
ENCODED_PICKLE = re.compile(r"gA[IJMNQRSTUV][A-Za-z0-9+/_-]{16,}={0,2}")
"""base64 of the beginning of a pickle of protocol 2 to 5."""
MAX_ENCODED = 16 << 20


def walk_value(walk: Walk, value: Any, path: str) -> None:
    """Hold every object and text of a value against every rule."""
    for item in objects(value):
        for rule in RULES:
            rule(walk, item, path)
    if isinstance(value, list):
        _sentence_transformers(walk, value, path)
    for key, text in texts(value):
        _text(walk, key, text, path)


def _tell(walk: Walk, path: str, rule: str, severity: Severity, part: str, message: str) -> None:
    place = Place(path, printable(part, 80))
    walk.flaw(f"artifact.config.{rule}", severity, place, message, CODE_REMEDY, ("CWE-94", "CWE-829"))


def _remote(walk: Walk, item: dict[str, Any], path: str) -> None:
    if item.get("auto_map"):
        message = "auto_map makes loaders run Python files of the repository"
        if isinstance(item["auto_map"], dict) and any("--" in str(v) for v in item["auto_map"].values()):
            message = "auto_map makes loaders run Python files of another repository, which can change any day"
        _tell(walk, path, "remote", Severity.HIGH, "auto_map", message)
    if item.get("custom_pipelines"):
        message = "custom_pipelines makes loaders run Python files of the repository"
        _tell(walk, path, "remote", Severity.HIGH, "custom_pipelines", message)
    if item.get("trust_remote_code") not in (None, False, "false", "False", 0, ""):
        message = "trust_remote_code lets loaders run Python files of a repository without asking"
        _tell(walk, path, "trust", Severity.HIGH, "trust_remote_code", message)
    plugins = item.get("plugins")  # a word of a vocabulary may be called so, and has a number
    if item.get("allow_remote") is True or (plugins and "framework" in item and not isinstance(plugins, int | float)):
        message = "ModelScope runs Python files of the repository, or installs packages, for this model"
        _tell(walk, path, "remote", Severity.HIGH, "allow_remote", message)


def _target(walk: Walk, item: dict[str, Any], path: str) -> None:
    for key in TARGET_KEYS:
        if isinstance(name := item.get(key), str) and (key == "_target_" or "." in name):
            if key == "cls" and "init_args" not in item:
                continue
            targets.judge(walk, name, path, key)
        elif key == "_target_" and key in item:
            _tell(walk, path, "target", Severity.HIGH, key, "what _target_ names is no text, and cannot be seen")
    _instantiated(walk, item, path)
    parts: Any = item if "_target_" in item else {key: item[key] for key in MONAI if key in item}
    for key, text in texts(parts):
        if text.startswith("$"):
            message = f"{printable(key)} is a Python expression, which MONAI evaluates when the model is built"
            _tell(walk, path, "expression", Severity.HIGH, f"{key} {text}", message)
            break


def _instantiated(walk: Walk, item: dict[str, Any], path: str) -> None:
    """CompVis' `target` with `params`, what sentence-transformers imports, libraries that ONNX Runtime loads."""
    name = item.get("target")
    if isinstance(name, str) and DOTTED.fullmatch(name) and ("params" in item or targets.dangerous(walk, name)):
        targets.judge(walk, name, path, "target")
    types = item.get("types") if isinstance(item.get("structure"), dict) else None
    found = list(types.items()) if isinstance(types, dict) else []
    for key, value in [*((key, item[key]) for key in CLASS_KEYS if key in item), *found]:
        if isinstance(value, str) and DOTTED.fullmatch(value):
            targets.judge(walk, value, path, key, what="loading imports and builds")
    if item.get("custom_ops_library"):
        message = f"ONNX Runtime loads the native library {printable(str(item['custom_ops_library']))}"
        _tell(walk, path, "library", Severity.HIGH, "custom_ops_library", message)


def _kernel(walk: Walk, item: dict[str, Any], path: str) -> None:
    for key in ("attn_implementation", "_attn_implementation", "_attn_implementation_internal"):
        value = item.get(key)
        if isinstance(value, str) and "/" in value:
            message = f"{key} makes transformers download and run a native kernel from {printable(value)}"
            _tell(walk, path, "kernel", Severity.HIGH, key, message)


def _adapter(walk: Walk, item: dict[str, Any], path: str) -> None:
    mapping = item.get("auto_mapping")
    home = mapping.get("parent_library") if isinstance(mapping, dict) else None
    if isinstance(home, str) and home.split(".")[0] not in PEFT_HOMES:
        message = f"PEFT imports the module {printable(home)}, which auto_mapping names"
        severity = Severity.CRITICAL if home.split(".")[0] in sys.stdlib_module_names else Severity.HIGH
        _tell(walk, path, "import", severity, "auto_mapping", message)


def _pipeline(walk: Walk, item: dict[str, Any], path: str) -> None:
    """diffusers' model_index.json: every component is [library, class]."""
    index = name_of(path or walk.name) in ("model_index.json", "modular_model_index.json")
    if "_class_name" not in item or not (index or "_diffusers_version" in item):
        return
    if not isinstance(item["_class_name"], str):
        message = "diffusers takes the class of this pipeline from a Python file of the repository"
        _tell(walk, path, "remote", Severity.HIGH, "_class_name", message)
    for key, pair in item.items():
        if isinstance(pair, list) and len(pair) >= 2 and isinstance(pair[0], str) and isinstance(pair[1], str):
            _component(walk, key, pair, path, index=index)


def _component(walk: Walk, key: str, pair: list[Any], path: str, *, index: bool) -> None:
    """[library, class], or [library, class, specification] in a modular pipeline."""
    library, name, *more = pair
    if not index and not re.fullmatch(r"[a-z_][\w.]*", library):
        return  # two names of blocks in a component's own configuration
    if library not in PIPELINE_LIBRARIES and library not in DIFFUSERS:
        severity = Severity.CRITICAL if library.split(".")[0] in sys.stdlib_module_names else Severity.HIGH
        message = f"diffusers imports {printable(library)} and takes {printable(name)} from it"
        _tell(walk, path, "import", severity, key, message)
    elif not name.isidentifier():
        _tell(walk, path, "import", Severity.HIGH, key, f"{printable(name)} is no name of a class")
    for specification in more:
        hint = specification.get("type_hint") if isinstance(specification, dict) else None
        if isinstance(hint, list) and len(hint) >= 2 and all(isinstance(each, str) for each in hint):
            _component(walk, f"{key}.type_hint", hint, path, index=True)


def _shards(walk: Walk, item: dict[str, Any], path: str) -> None:
    shards = item.get("weight_map")
    values = shards.values() if isinstance(shards, dict) else ()
    named = {str(name) for value in values for name in (value if isinstance(value, list) else [value])}
    for name in sorted(named):
        if escapes(name) or "://" in name:
            message = f"weights are read from {printable(name)!r}, outside the model's folder"
            place, remedy = Place(path, "weight_map"), "do not load this model; its weights belong beside its index"
            walk.flaw("artifact.config.escape", Severity.HIGH, place, message, remedy, ("CWE-22",))


def _tensorflowjs(walk: Walk, item: dict[str, Any], path: str) -> None:
    """A group of a TensorFlow.js manifest names the files of raw numbers beside a model; they are read as far as there
    is to read when they have as many bytes as the weights."""
    names, weights = item.get("paths"), item.get("weights")
    if not isinstance(weights, list) or not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return
    if leaving := [name for name in names if escapes(name) or "://" in name]:
        message = f"weights are read from {printable(leaving[0])!r}, outside the model's folder"
        place, remedy = Place(path, "weightsManifest"), "do not load this model; its weights belong beside it"
        walk.flaw("artifact.config.escape", Severity.HIGH, place, message, remedy, ("CWE-22",))
        return
    files = [path[: path.rfind("/") + 1] + name for name in names]
    if _weights_bytes(weights) == sum(walk.stats[f].st_size if f in walk.stats else -1 for f in files):
        walk.claimed.update(files)


def _weights_bytes(weights: list[Any]) -> int:
    """Bytes of the weights of a TensorFlow.js manifest; -1 where that cannot be told."""
    total = 0
    for weight in weights:
        about = weight if isinstance(weight, dict) else {}
        packed = about.get("quantization")
        size = NUMBERS.get(str((packed if isinstance(packed, dict) else about).get("dtype")))
        shape = about.get("shape")
        if size is None or not isinstance(shape, list) or not all(type(n) is int and 0 <= n < 1 << 40 for n in shape):
            return -1
        total += size * prod(shape[:16])
    return total


def _jsonpickle(walk: Walk, item: dict[str, Any], path: str) -> None:
    if found := [key for key in JSONPICKLE if key in item]:
        message = f"{found[0]} makes jsonpickle import and call {printable(str(item[found[0]]), 80)}"
        _tell(walk, path, "jsonpickle", Severity.CRITICAL, found[0], message)


def _langchain(walk: Walk, item: dict[str, Any], path: str) -> None:
    if "lc" in item and item.get("type") == "constructor" and "id" in item:
        message = f"LangChain builds the class {printable(str(item['id']), 80)} from this object"
        _tell(walk, path, "langchain", Severity.HIGH, "lc", message)


def _hooks(walk: Walk, item: dict[str, Any], path: str) -> None:
    """What tools run by themselves: npm when it installs, editors and containers when a folder is opened."""
    scripts = item.get("scripts")
    found = [key for key in HOOKS if isinstance(scripts, dict) and scripts.get(key)]
    found += [key for key in COMMANDS if item.get(key)]
    options = item.get("runOptions")
    if isinstance(options, dict) and options.get("runOn") == "folderOpen":
        found.append("runOn")
    if found:
        message = f"{found[0]} makes a tool run a command as soon as this folder is installed or opened"
        _tell(walk, path, "hook", Severity.HIGH, found[0], message)


def _sentence_transformers(walk: Walk, value: list[Any], path: str) -> None:
    """modules.json: the classes of the pipeline, imported by name."""
    for item in value:
        match item:
            case {"type": str(kind), "path": str(folder)} if "idx" in item or "name" in item:
                targets.judge(walk, kind, path, "type", what="sentence-transformers imports and builds")
                if escapes(folder):
                    message = f"a module is read from {printable(folder)!r}, outside the model's folder"
                    place = Place(path, "path")
                    walk.flaw("artifact.config.escape", Severity.HIGH, place, message, CODE_REMEDY, ("CWE-22",))


def _text(walk: Walk, key: str, text: str, path: str) -> None:
    jinja.walk_text(walk, key, text, path)
    if key in RUN and FETCHES.search(text):
        message = f"{printable(key)} fetches or decodes a program and runs it"
        _tell(walk, path, "command", Severity.MEDIUM, key, message)
    if secrets.named(key, text):
        place, remedy = Place(path, printable(key, 40)), "revoke it, then remove it from the file and its history"
        message = f"this file holds a secret under {printable(key)!r} ({secrets.masked(text.encode())})"
        walk.flaw("artifact.secret", Severity.MEDIUM, place, message, remedy, ("CWE-798",))
    if len(text) >= SENTENCE and BIDI.search(text) and re.search(r"[A-Za-z]{3}", text):
        place, remedy = Place(path, printable(key, 40)), "look at the text with escapes"
        message = "a bidirectional override shows this text in another order than programs read it in"
        walk.flaw("artifact.text.order", Severity.MEDIUM, place, message, remedy, ("CWE-150",))
    if text[:2] == "gA" and len(text) < MAX_ENCODED and ENCODED_PICKLE.match(text):
        _encoded(walk, key, text, path)


def _encoded(walk: Walk, key: str, text: str, path: str) -> None:
    import base64

    try:
        data = memoryview(base64.b64decode(text.encode().translate(bytes.maketrans(b"-_", b"+/")), validate=True))
    except ValueError:
        return
    from . import pickle

    if pickle.is_pickle(walk, data):
        walk.enter(data, f"{path}!{printable(key, 40)}")


RULES: tuple[Rule, ...] = (
    _remote, _target, _kernel, _adapter, _pipeline, _shards, _tensorflowjs, _jsonpickle, _langchain, _hooks,
)  # fmt: skip
NUMBERS = {
    "float32": 4, "int32": 4, "bool": 1, "uint8": 1, "int8": 1, "uint16": 2, "int16": 2, "float16": 2, "complex64": 8,
}  # fmt: skip
"""Bytes of a value of TensorFlow.js's types."""
