"""MLflow: the module that loads a model, and the code that it puts on the import path."""

from __future__ import annotations

from collections.abc import Mapping

from corpus import Sample, add, honest


def mlmodel(flavor: str, more: str = "") -> bytes:
    return (
        f"artifact_path: model\nflavors:\n  python_function:\n{flavor}\n{more}model_uuid: 1\nutc_time_created: '2024'\n"
    ).encode()


@honest("mlflow", "an MLmodel of scikit-learn")
def mlflow_sklearn() -> Mapping[str, bytes]:
    flavors = (
        "    env:\n      conda: conda.yaml\n      virtualenv: python_env.yaml\n"
        "    loader_module: mlflow.sklearn\n    model_path: model.skops"
    )
    more = (
        "  sklearn:\n    code: null\n    pickled_model: model.skops\n  "
        "  serialization_format: cloudpickle\n    sklearn_version: 1.4\n"
    )
    env = b"python: 3.10.13\nbuild_dependencies:\n- pip==23.3\ndependencies:\n- -r requirements.txt\n"
    return {"MLmodel": mlmodel(flavors, more), "python_env.yaml": env, "requirements.txt": b"mlflow==2.9.2\n"}


MLMODELS = {
    "loader": "    loader_module: evil_loader\n    data: data",
    "loader_of_the_library": "    loader_module: os",
    "loader_below_mlflow": "    loader_module: mlflow.utils.process",
    "code": "    loader_module: mlflow.sklearn\n    code: code",
    "model_code_path": "    loader_module: mlflow.pyfunc.model\n    model_code_path: agent.py",
    "model_outside": "    loader_module: mlflow.sklearn\n    model_path: ../../etc/model.pkl",
    "artifact_outside": "    loader_module: mlflow.pyfunc.model\n    artifacts:\n      a:\n        path: /etc/passwd",
}
for _name, _text in MLMODELS.items():
    _why = f"an MLmodel: {_name.replace('_', ' ')}"
    _build = lambda text=_text: mlmodel(text)  # noqa: E731
    add(Sample(f"mlflow/{_name}", "mlflow", _why, "MLmodel", "", _build, dangerous=True))
