"""Keras: which rule tells what, what may be allowed by name, and honest configurations held against the pack."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus import keras as samples
from hauberk.artifact.formats.keras_config import OPENS, RUNS_CODE, known
from hauberk.artifact.route import walk_content
from hauberk.artifact.scan import Scanned
from hauberk.artifact.walk import Walk
from hauberk.core.limits import Limits
from hauberk.core.nouns import Severity, Verdict

Scanner = Callable[..., Scanned]

CODE = {"lambda_bytecode", "lambda_as_activation", "lambda_by_function", "torch_module", "tfsm_layer", "op_layer"}
CALLS = {"get_file", "enable_unsafe", "os_system", "class_of_os", "eval_of_builtins", "in_inbound_nodes"}
FILES = {"vocabulary_path", "vocabulary_relative", "vocabulary_url", "path_in_settings"}
UNKNOWN = {"hub_elsewhere", "hub_registered", "hub_unknown",
           "custom_class", "custom_function", "unknown_in_keras", "other_package", "typespec", "map_operation",
           "registered_over_known", "module_is_no_text", "class_is_no_text", "op_lambda"}  # fmt: skip
RULES = {
    **dict.fromkeys(CODE, "artifact.keras.lambda"),
    **dict.fromkeys(CALLS, "artifact.keras.call"),
    **dict.fromkeys(FILES, "artifact.keras.file"),
    **dict.fromkeys(UNKNOWN, "artifact.keras.unknown"),
}


def rules(seen: Scanned) -> set[str]:
    return {finding.rule for finding in seen.findings}


@pytest.mark.parametrize(("name", "rule"), sorted(RULES.items()))
def test_each_sample_is_told_by_its_rule(scanned: Scanner, name: str, rule: str) -> None:
    found = [f for f in scanned(samples.model(samples.REFUSED[name][1])).findings if f.rule == rule]
    assert found
    assert found[0].severity is (Severity.CRITICAL if name in CODE | CALLS else Severity.HIGH)
    assert found[0].place.path == "config.json"


def test_a_class_may_be_allowed_by_the_name_that_the_finding_says(scanned: Scanner) -> None:
    for layer, name in (
        (samples.layer("Mine", None, "pkg>Mine"), "pkg.Mine"),
        (samples.layer("Mine", None, "Mine"), "Custom.Mine"),
        (samples.layer("Mine", "lib.layers"), "lib.layers.Mine"),
        (samples.layer("Whatever", "keras.layers"), "keras.layers.Whatever"),
    ):
        data = samples.model(layer)
        assert name in scanned(data).findings[0].message
        assert scanned(data, allow=(name,)).verdict is Verdict.HELD
        assert scanned(data, allow=(name + "x",)).verdict is Verdict.BROKEN


@pytest.mark.parametrize("name", ["os_system", "get_file", "lambda_bytecode", "eval_of_builtins"])
def test_what_runs_code_cannot_be_allowed(scanned: Scanner, name: str) -> None:
    allow = ("os.system", "Lambda", "keras.layers.Lambda", "__lambda__", "builtins.eval", "keras.utils.get_fil")
    assert scanned(samples.model(samples.REFUSED[name][1]), allow=allow).verdict is Verdict.BROKEN


def test_what_was_judged_is_shown(scanned: Scanner) -> None:
    seen = {row.name: row.verdict.value for row in scanned(samples.model(samples.DENSE)).globals}
    assert seen["keras.layers.Dense"] == "allowed"


def test_the_pack_lists_nothing_that_runs_code() -> None:
    names = known()
    assert not (names.classes | names.functions | names.specials) & (set(RUNS_CODE) | set(OPENS))
    assert not {"Map", "Scan", "Cond", "WhileLoop", "vectorized_map", "get", "deserialize"} & (
        names.classes | names.functions
    )
    assert all(not name.startswith(("io.", "raw_ops.", "saved_model.", "py_")) for name in names.tensorflow)


def test_the_value_that_a_later_key_covers_is_judged_too(scanned: Scanner) -> None:
    assert {"artifact.keras.duplicate", "artifact.keras.lambda"} <= rules(scanned(samples.key_twice()))


def test_many_keys_that_stand_twice_cost_no_more(scanned: Scanner) -> None:
    inner = '{"a":[' + ",".join(["{}"] * 20_000) + "]}"
    for _ in range(150):
        inner = '{"a":1,"a":' + inner + "}"
    seen = scanned(samples.archive('{"class_name":"Dense","config":' + inner + "}"))
    assert rules(seen) == {"artifact.keras.duplicate"}


def test_every_name_of_the_installed_keras_is_known_or_refused() -> None:
    """Held against a later Keras, this says which names to derive anew."""
    keras = pytest.importorskip("keras")
    from keras.src.saving.keras_saveable import KerasSaveable

    for name in dir(keras.layers):
        item = getattr(keras.layers, name)
        if isinstance(item, type) and issubclass(item, KerasSaveable):
            assert item.__name__ in known().classes | set(RUNS_CODE), name


Json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8) | st.sampled_from(["Dense", "Lambda", "os"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["class_name", "module", "config", "registered_name", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@settings(max_examples=100, deadline=None)
@given(Json)
def test_any_configuration_gets_a_verdict(value: Any) -> None:
    walk = Walk(Limits(), walk_content)
    walk_content(walk, memoryview(samples.archive(json.dumps({"class_name": "Dense", "config": value}))), "")
    text = json.dumps(value)
    if '"class_name": "Lambda"' in text:
        assert any(flaw.severity is Severity.CRITICAL for flaw in walk.flaws)
