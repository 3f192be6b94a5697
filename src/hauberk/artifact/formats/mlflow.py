"""MLflow's MLmodel: which module loads a model, and which code of the folder it puts on the import path.

Source: mlflow/pyfunc/__init__.py, `load_model` and `_load_model_code_path`.
"""

from __future__ import annotations

import re
from typing import Any

from ...core.nouns import Place, Severity
from ..walk import Walk, printable
from .member_names import escapes

LOADER = re.compile(
    r"mlflow\.(?:pyfunc\.(?:model|loaders\.(?:code_model|chat_agent|chat_model|responses_agent))"
    r"|catboost|diviner|fastai|gluon|h2o|johnsnowlabs|keras|langchain|lightgbm|llama_index|mleap|onnx|openai|paddle|pmdarima"
    r"|prophet|promptflow|pytorch|sentence_transformers|shap|sklearn|spacy|spark|statsmodels|tensorflow|transformers|xgboost"
    r"|dspy|bedrock|anthropic|models\.wheeled_model)"
)
"""The loaders that MLflow brings itself."""
CODE_KEYS = ("code", "code_path", "model_code_path")
PATH_KEYS = ("data", "model_path", "python_model", "pickled_model", "model_data", "cloudpickle_path", "path", "env")


def walk_model(walk: Walk, value: dict[str, Any], path: str) -> None:
    """Hold the flavours of a model against what MLflow would import and run for them."""
    walk.formats[path] = "mlflow"
    flavors = value.get("flavors")
    if not isinstance(flavors, dict):
        walk.skip(path or "the file", "an MLmodel without flavours")
        return
    for name, flavor in flavors.items():
        if isinstance(flavor, dict):
            _flavor(walk, str(name), flavor, path)
    if value.get("model_code_path"):
        _code(walk, path, "model_code_path", value["model_code_path"])


def _flavor(walk: Walk, name: str, flavor: dict[str, Any], path: str) -> None:
    loader = flavor.get("loader_module")
    if loader is not None and not (isinstance(loader, str) and LOADER.fullmatch(loader)):
        message = f"MLflow imports the module {printable(str(loader))} and lets it load the model"
        remedy = "read that module; save the model with one of MLflow's own flavours"
        place = Place(path, f"{printable(name, 40)}.loader_module")
        walk.flaw("artifact.mlflow.loader", Severity.HIGH, place, message, remedy, ("CWE-829", "CWE-470"))
    for key in CODE_KEYS:
        if flavor.get(key):
            _code(walk, path, f"{name}.{key}", flavor[key])
    for key in PATH_KEYS:
        where = flavor.get(key)
        if isinstance(where, str) and (escapes(where) or "://" in where):
            _outside(walk, path, f"{name}.{key}", where)
    artifacts = flavor.get("artifacts")
    for key, artifact in artifacts.items() if isinstance(artifacts, dict) else ():
        inner = artifact.get("path") if isinstance(artifact, dict) else None
        if isinstance(inner, str) and (escapes(inner) or "://" in inner):
            _outside(walk, path, f"artifacts.{key}", inner)


def _code(walk: Walk, path: str, part: str, value: Any) -> None:
    message = f"MLflow puts {printable(str(value))} on the import path: files there replace modules, and are run"
    remedy = "read the code of that folder first; save the model with one of MLflow's own flavours"
    walk.flaw("artifact.mlflow.code", Severity.HIGH, Place(path, printable(part, 60)), message, remedy, ("CWE-427",))


def _outside(walk: Walk, path: str, part: str, place: str) -> None:
    message = f"the model is read from {printable(place)!r}, outside its folder"
    remedy = "do not load this model; what it loads belongs into its folder"
    references = ("CWE-22",)
    walk.flaw("artifact.mlflow.escape", Severity.HIGH, Place(path, printable(part, 60)), message, remedy, references)
