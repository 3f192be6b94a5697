"""Frozen dataclasses to plain JSON and back, strictly: nothing unknown, nothing missing, nothing coerced.

A class with `schema` writes it first and refuses another; a class with `form` is one of a tagged union.

>>> @dataclass(frozen=True)
... class Point(Frozen):
...     x: int
...     tags: tuple[str, ...] = ()
>>> decode(Point, {"x": 1, "tags": ["a"]})
Point(x=1, tags=('a',))
>>> decode(Point, {"x": "1"})
Traceback (most recent call last):
    ...
hauberk.core.errors.InputError: Point.x: expected int, got str
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, cast

from .canon import Json
from .errors import InputError

T = TypeVar("T")
_FORMS: dict[str, type[Frozen]] = {}


@dataclass(frozen=True)
class Frozen:
    """A frozen dataclass whose lists and mappings are frozen as well."""

    def __post_init__(self) -> None:
        for f in fields(self):
            object.__setattr__(self, f.name, freeze(getattr(self, f.name)))


def register_form(cls: type[Frozen]) -> None:
    """Make a class with `form` decodable where a union of forms is expected."""
    _FORMS[cls.form] = cls  # type: ignore[attr-defined]


class FrozenMap(Mapping[str, Any]):
    """A read-only mapping that can be hashed, copied and pickled; equal to any mapping with the same items."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, Any]) -> None:
        self._items = {key: freeze(value) for key, value in items.items()}

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)


def freeze(value: Any) -> Any:
    """Lists become tuples, mappings read-only, all the way down."""
    if isinstance(value, list | tuple):
        return tuple(freeze(item) for item in value)
    if isinstance(value, Mapping) and not isinstance(value, FrozenMap):
        return FrozenMap(value)
    return value


def encode(value: Any) -> Any:
    """The plain JSON of a noun (dicts, lists, scalars)."""
    if is_dataclass(value) and not isinstance(value, type):
        head = {tag: getattr(value, tag) for tag in ("schema", "form") if hasattr(value, tag)}
        return head | {f.name: encode(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise InputError(f"{type(value).__name__} is not plain JSON")


def decode(cls: type[T], plain: Json, where: str = "") -> T:
    """The noun that `encode` made this from. Raises InputError that names the place that does not fit."""
    return cast(T, _decode(cls, plain, where or cls.__name__))


def _decode(hint: Any, plain: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        return _decode_union(typing.get_args(hint), plain, where)
    if origin is tuple:
        return _decode_tuple(typing.get_args(hint), plain, where)
    if origin is not None and issubclass(origin, Mapping):
        _expect(plain, Mapping, where)
        item = typing.get_args(hint)[1]
        return {key: _decode(item, value, f"{where}.{key}") for key, value in plain.items()}
    if is_dataclass(hint):
        return _decode_noun(hint, plain, where)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        _expect(plain, str, where)
        if plain not in {member.value for member in hint}:
            raise InputError(f"{where}: {plain!r} is none of {', '.join(hint)}")
        return hint(plain)
    if hint is float and type(plain) is int:
        return float(plain)
    if hint is int and type(plain) is float and plain.is_integer():
        return int(plain)
    if hint in (str, int, float, bool, type(None)):
        _expect(plain, hint, where)
        return plain
    return plain  # Json: anything that parsed


_JSON_OPTIONS = len(typing.get_args(Json))


def _decode_union(options: tuple[Any, ...], plain: Any, where: str) -> Any:
    if len(options) == _JSON_OPTIONS:  # Json itself: anything that parsed
        return plain
    if isinstance(plain, Mapping) and "form" in plain:
        form = _FORMS.get(str(plain["form"]))
        if form is None or form not in options:
            raise InputError(f"{where}: unknown form {plain['form']!r}")
        return _decode_noun(form, plain, where)
    for option in options:
        if _fits(option, plain):
            return _decode(option, plain, where)
    names = " or ".join("null" if o is type(None) else getattr(o, "__name__", "list") for o in options)
    raise InputError(f"{where}: expected {names}, got {_kind(plain)}")


def _fits(option: Any, plain: Any) -> bool:
    if option is float:
        return type(plain) in (int, float)
    if typing.get_origin(option) is tuple:
        return isinstance(plain, list | tuple)
    return option in (str, int, bool, type(None)) and type(plain) is option


def _decode_tuple(items: tuple[Any, ...], plain: Any, where: str) -> Any:
    _expect(plain, list, where)
    if len(items) == 2 and items[1] is Ellipsis:
        return tuple(_decode(items[0], value, f"{where}[{i}]") for i, value in enumerate(plain))
    if len(items) != len(plain):
        raise InputError(f"{where}: expected {len(items)} items, got {len(plain)}")
    return tuple(_decode(h, v, f"{where}[{i}]") for i, (h, v) in enumerate(zip(items, plain, strict=True)))


def _decode_noun(cls: Any, plain: Any, where: str) -> Any:
    _expect(plain, Mapping, where)
    rest = dict(plain)
    for tag in ("schema", "form"):
        if hasattr(cls, tag) and rest.pop(tag, None) != getattr(cls, tag):
            raise InputError(f"{where}: {tag} is {plain.get(tag)!r}, expected {getattr(cls, tag)!r}")
    hints = _hints(cls)
    known = {f.name: f for f in fields(cls)}
    if unknown := sorted(set(rest) - set(known)):
        raise InputError(f"{where}: unknown field {unknown[0]!r}")
    for name, f in known.items():
        if name not in rest and f.default is MISSING and f.default_factory is MISSING:
            raise InputError(f"{where}: field {name!r} is missing")
    return cls(**{name: _decode(hints[name], value, f"{where}.{name}") for name, value in rest.items()})


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _expect(plain: Any, kind: type, where: str) -> None:
    if type(plain) is not kind and not (kind in (list, Mapping) and isinstance(plain, _LIKE[kind])):
        raise InputError(f"{where}: expected {_NAMES.get(kind, kind.__name__)}, got {_kind(plain)}")


_LIKE: dict[Any, Any] = {list: (list, tuple), Mapping: Mapping}
_NAMES: dict[Any, str] = {Mapping: "object", type(None): "null"}


def _kind(plain: Any) -> str:
    return "null" if plain is None else "object" if isinstance(plain, Mapping) else type(plain).__name__
