"""The columns of a table: inferred from the values, overridden by hauberk.toml, shared by train and test.

>>> import numpy as np
>>> schema = infer(["age", "home=own", "home=rent"], np.array([[30.0, 1, 0], [41, 0, 1]]))
>>> [(f.name, f.kind, f.group) for f in schema]
[('age', 'integer', ''), ('home=own', 'onehot', 'home'), ('home=rent', 'onehot', 'home')]
>>> override(schema, {"age": {"immutable": True, "low": 18, "high": 99}})[0].width
81.0
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hauberk.core.canon import Json
from hauberk.core.errors import InputError
from hauberk.core.features import KINDS, Feature, Features
from hauberk.model.dataset import Dataset

if TYPE_CHECKING:
    from hauberk.core.ports import Floats

SEPARATORS = re.compile(r"[=_.:/ ]")
KEYS = {"kind": str, "low": float, "high": float, "immutable": bool, "group": str, "categories": list}


def infer(names: Sequence[str], x: Floats, categories: Mapping[str, Sequence[str]] | None = None) -> Features:
    """The schema of a matrix x (n, columns) of finite values, n > 0.

    categories: the names behind the codes of the categorical columns. Others are integer when every value
    is whole, else numeric. Columns that share a name's beginning (`home=own`, `home_rent`), hold only 0 and 1
    and have exactly one 1 in every row are a one-hot group. Bounds are the smallest and largest value seen
    (0 … k-1 for codes). Nothing is immutable unless hauberk.toml says so.
    """
    known = categories or {}
    group_of = _onehot_groups(names, x, skip=set(known))
    return tuple(_feature(name, x[:, j], known.get(name), group_of.get(j, "")) for j, name in enumerate(names))


def override(features: Features, config: Mapping[str, Json]) -> Features:
    """The schema with what a person wrote about columns, or about one-hot groups as a whole.

    config: column or group -> {immutable, low, high, kind, group, categories}. Raises InputError for a
    column, a key or a value that does not exist or fit.
    """
    members = {f.group for f in features if f.group}
    known = {f.name for f in features} | members
    for name in config:
        if name not in known:
            raise _unknown(name, known)
    merged = (_changed(f, _settings(f.group, config)) for f in features)
    return tuple(_changed(f, _settings(f.name, config)) for f in merged)


def merge(first: Features, second: Features) -> Features:
    """One schema for two sets of the same table: the wider bounds, the looser kind, the first's codes first.

    Raises InputError when they do not have the same columns.
    """
    others = {f.name: f for f in second}
    if {f.name for f in first} != set(others):
        odd = sorted({f.name for f in first} ^ set(others))
        raise InputError(f"the two tables differ in columns: {', '.join(odd[:5])}")
    merged = tuple(_wider(f, others[f.name]) for f in first)
    loose = {f.group for f in first if f.group} - _whole_groups(first, merged)
    return tuple(_plain(f) if f.kind == "onehot" and f.group in loose else f for f in merged)


def apply(features: Features, dataset: Dataset, classes: Sequence[str] = ()) -> Dataset:
    """The data set under another schema: columns in its order, category codes as it numbers them.

    classes: number the labels so too (by default they stay). Raises InputError for a missing column, a
    category or a label that the schema does not know.
    """
    at = {f.name: j for j, f in enumerate(dataset.features)}
    if missing := [f.name for f in features if f.name not in at]:
        raise InputError(f"{dataset.name}: column {missing[0]!r} is missing")
    own = [dataset.features[at[f.name]] for f in features]
    columns = [
        _recoded(dataset.x[:, at[new.name]], old, new, dataset.name) for old, new in zip(own, features, strict=True)
    ]
    again = replace(dataset, x=np.stack(columns, axis=1), features=features) if columns else dataset
    return relabel(again, classes) if classes else again


def relabel(dataset: Dataset, classes: Sequence[str]) -> Dataset:
    """The data set with labels numbered as in `classes`, by name.

    Raises InputError when a label that occurs is not among them.
    """
    code = {name: k for k, name in enumerate(classes)}
    used = np.unique(dataset.y)
    if unknown := [dataset.classes[k] for k in used if dataset.classes[k] not in code]:
        raise InputError(
            f"{dataset.name}: label {unknown[0]!r} is none of {', '.join(list(classes)[:10])}",
            hint="give data with the labels that the model was trained on",
        )
    table = np.array([code.get(name, -1) for name in dataset.classes], dtype=np.int64)
    return replace(dataset, y=table[dataset.y], classes=tuple(classes))


def _feature(name: str, values: Any, categories: Sequence[str] | None, group: str) -> Feature:
    if categories is not None:
        return Feature(name, "categorical", 0.0, float(max(len(categories) - 1, 0)), categories=tuple(categories))
    if group:
        return Feature(name, "onehot", 0.0, 1.0, group=group)
    kind = "integer" if (values == np.round(values)).all() else "numeric"
    return Feature(name, kind, float(values.min()), float(values.max()))


def _onehot_groups(names: Sequence[str], x: Floats, skip: set[str]) -> dict[int, str]:
    free = [j for j, n in enumerate(names) if n not in skip and ((x[:, j] == 0) | (x[:, j] == 1)).all()]
    stems: dict[str, list[int]] = {}
    for j in free:
        for stem in _stems(names[j]):
            stems.setdefault(stem, []).append(j)
    group_of: dict[int, str] = {}
    for stem in sorted(stems, key=lambda s: (-len(s), s)):
        members = [j for j in stems[stem] if j not in group_of]
        if len(members) > 1 and _is_onehot(x[:, members]):
            group_of |= dict.fromkeys(members, stem)
    return group_of


def _stems(name: str) -> Iterator[str]:
    yield from {name[: found.start()] for found in SEPARATORS.finditer(name) if found.start() > 0}


def _is_onehot(block: Any) -> bool:
    return bool((block.sum(axis=1) == 1).all() and (block.any(axis=0).sum() > 1))


def _settings(name: str, config: Mapping[str, Json]) -> Mapping[str, Any]:
    entry = config.get(name, {}) if name else {}
    if not isinstance(entry, Mapping):
        raise InputError(f"features.{name}: got {entry!r}, not a table", hint="[features.age] immutable = true")
    for key, value in entry.items():
        if key not in KEYS:
            raise InputError(f"features.{name}: unknown key {key!r}", hint="known: " + ", ".join(KEYS))
        _typed(f"features.{name}.{key}", value, KEYS[key])
    return entry


def _typed(where: str, value: Any, kind: type) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = number if kind is float else isinstance(value, list | tuple) if kind is list else isinstance(value, kind)
    if not fits:
        raise InputError(f"{where}: expected {kind.__name__}, got {value!r}")


def _changed(feature: Feature, entry: Mapping[str, Any]) -> Feature:
    if not entry:
        return feature
    kind = str(entry.get("kind", feature.kind))
    if kind not in KINDS:
        raise InputError(f"features.{feature.name}: kind {kind!r} is none of {', '.join(KINDS)}")
    if kind == "onehot" and not (entry.get("group") or feature.group):
        raise InputError(f"features.{feature.name}: a onehot column needs a group")
    categories = tuple(str(c) for c in entry.get("categories", feature.categories))
    if "categories" in entry and feature.categories and not set(feature.categories) <= set(categories):
        odd = sorted(set(feature.categories) - set(categories))
        raise InputError(f"features.{feature.name}: categories lack {odd[0]!r}, which the data holds")
    low, high = float(entry.get("low", feature.low)), float(entry.get("high", feature.high))
    if kind == "categorical":
        categories = categories or tuple(str(code) for code in range(int(feature.high) + 1))
        low, high = 0.0, len(categories) - 1.0
    return replace(
        feature, kind=kind, low=low, high=high,
        immutable=bool(entry.get("immutable", feature.immutable)), categories=categories,
        group=str(entry.get("group", feature.group)) if kind == "onehot" else "",
    )  # fmt: skip


def _wider(one: Feature, two: Feature) -> Feature:
    if ("categorical" in (one.kind, two.kind)) and one.kind != two.kind:
        raise InputError(f"column {one.name!r} is {one.kind} in one table and {two.kind} in the other")
    if one.kind == "categorical":
        categories = one.categories + tuple(c for c in two.categories if c not in one.categories)
        high = max(one.high, two.high, len(categories) - 1.0)
        return replace(one, categories=categories, high=high, immutable=one.immutable or two.immutable)
    wide = replace(
        one, low=min(one.low, two.low), high=max(one.high, two.high), immutable=one.immutable or two.immutable
    )
    if one.kind == two.kind and one.group == two.group:
        return wide
    return replace(wide, kind="numeric" if "numeric" in (one.kind, two.kind) else "integer", group="")


def _whole_groups(before: Features, after: Features) -> set[str]:
    size: dict[str, int] = {}
    for old, new in zip(before, after, strict=True):
        if old.group:
            size[old.group] = size.get(old.group, 0) + (0 if new.kind == "onehot" else 1)
    return {group for group, lost in size.items() if lost == 0}


def _plain(feature: Feature) -> Feature:
    return replace(feature, kind="integer", group="")


def _recoded(values: Any, old: Feature, new: Feature, where: str) -> Any:
    if old.kind == "categorical" and new.kind != "categorical":
        raise InputError(f"{where}: column {old.name!r} is {old.kind}, expected {new.kind}")
    if new.kind == "categorical" and old.kind != "categorical":
        return _codes(values, new, where)
    if old.categories == new.categories:
        return values
    code = {name: k for k, name in enumerate(new.categories)}
    seen = np.unique(values).astype(int)
    if unknown := [old.categories[k] for k in seen if old.categories[k] not in code]:
        raise InputError(
            f"{where}: column {old.name!r} holds {unknown[0]!r}, which the schema does not know",
            hint=f"write every value into [features.{old.name}] categories, or merge the two schemas",
        )
    table = np.array([code.get(name, -1) for name in old.categories], dtype=values.dtype)
    return table[values.astype(int)]


def _codes(values: Any, feature: Feature, where: str) -> Any:
    top = len(feature.categories) - 1
    if (values != np.round(values)).any() or values.min(initial=0) < 0 or values.max(initial=0) > top:
        raise InputError(f"{where}: column {feature.name!r} holds values that are no codes 0 … {top}")
    return values


def _unknown(name: str, known: set[str]) -> InputError:
    close = difflib.get_close_matches(name, sorted(known), n=1)
    hint = f"did you mean {close[0]!r}?" if close else "columns: " + ", ".join(sorted(known)[:20])
    return InputError(f"features.{name}: there is no such column", hint=hint)
