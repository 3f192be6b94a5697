"""What chat templates may name: functions, methods, filters and tests that compute and do nothing else."""

from __future__ import annotations

import re

GLOBALS = frozenset(("range", "dict", "namespace", "joiner", "cycler", "raise_exception", "strftime_now", "caller"))
"""Functions that Jinja and transformers give to a template; `lipsum`, `self` and the rest are not among them."""
FUNCTION_OBJECTS = frozenset(("lipsum", "cycler", "joiner", "namespace", "self", "config", "request", "url_for",
                              "get_flashed_messages", "raise_exception", "strftime_now", "range", "dict"))  # fmt: skip
"""Objects from which a template walks to Python's modules; honest ones only call those that can be called."""
METHODS = frozenset((
    "strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "startswith", "endswith", "replace", "upper",
    "lower", "title", "capitalize", "find", "rfind", "index", "count", "join", "isdigit", "isalpha", "isspace",
    "isupper", "islower", "isnumeric", "isalnum", "removeprefix", "removesuffix", "partition", "rpartition",
    "items", "keys", "values", "get", "append", "extend", "insert", "pop", "update", "copy", "next", "cycle",
    "setdefault", "clear", "remove", "reverse", "changed", "swapcase", "casefold", "strftime", "isoformat",
))  # fmt: skip
"""Methods of text, lists, dicts, times and `loop` that compute and do nothing else. `format` walks attributes."""
RESERVED = frozenset(("loop", "caller", "varargs", "kwargs", "self", "super"))
PLAIN = re.compile(r"(?:[^{}]|\{\w*\})*")
"""Formats that put in what they are given as it is: `{}`, and no attribute of it."""
WALKERS = frozenset(("format", "format_map"))
OF_DICTS = frozenset(("items", "keys", "values", "get", "pop", "update", "copy", "setdefault", "clear"))
"""Methods that a dict has of its own, so that none of its values is taken for one."""
FILTERS = frozenset((
    "abs", "batch", "capitalize", "count", "d", "default", "dictsort", "e", "escape", "filesizeformat", "first",
    "float", "forceescape", "format", "groupby", "indent", "int", "items", "join", "last", "length", "list", "lower",
    "map", "max", "min", "pprint", "reject", "rejectattr", "replace", "reverse", "round", "safe", "select",
    "selectattr", "slice", "sort", "string", "striptags", "sum", "title", "tojson", "trim", "truncate", "unique",
    "upper", "urlencode", "wordcount", "wordwrap", "xmlattr", "from_json", "fromjson", "strftime", "center",
))  # fmt: skip
"""Jinja's own filters without `attr`, `random` and `urlize`, and `tojson` as transformers has it."""
TESTS = frozenset((
    "boolean", "callable", "defined", "divisibleby", "eq", "equalto", "escaped", "even", "false", "filter", "float",
    "ge", "gt", "greaterthan", "in", "integer", "iterable", "le", "lessthan", "lower", "lt", "mapping", "ne", "none",
    "None", "number", "odd", "sameas", "sequence", "string", "test", "true", "undefined", "upper", "contains",
))  # fmt: skip
BY_ATTRIBUTE = {"map": (), "selectattr": (1,), "rejectattr": (1,), "groupby": (1,), "sum": (1,), "join": (2,),
                "sort": (3,), "unique": (2,), "max": (2,), "min": (2,)}  # fmt: skip
"""Filters that read an attribute by its name: the argument's place, or `attribute=`."""
ASKS = ("defined", "undefined", "none", "callable")
"""Tests that ask whether a function is there, and hand out nothing of it."""

SAME = frozenset(("default", "d", "first", "last", "list", "sort", "unique", "batch", "slice", "max", "min", "select",
                  "reject", "selectattr", "rejectattr", "items", "dictsort", "groupby", "sum", "safe"))  # fmt: skip
"""Filters that hand on what they are given."""
ONE = frozenset(("first", "last", "max", "min", "sum"))
GIVES = frozenset(("default", "d", "batch", "slice", "sum"))
"""Those whose arguments may be among it."""
LISTS = frozenset(("list", "sort", "batch", "slice", "dictsort", "groupby"))
CUT = frozenset(("trim", "lower", "upper", "capitalize", "title", "e", "escape", "forceescape", "reverse"))
"""Filters that change texts of their own accord: harmless to an input, a way to spell for a text of the template."""
COUNT = frozenset(("int", "float", "length", "count", "abs", "round", "wordcount"))
CUTS = frozenset(("strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "upper", "lower", "title", "capitalize",
                  "removeprefix", "removesuffix", "partition", "rpartition", "swapcase", "casefold"))  # fmt: skip
COUNTS = frozenset(("startswith", "endswith", "find", "rfind", "index", "count", "isdigit", "isalpha", "isspace",
                    "isupper", "islower", "isnumeric", "isalnum", "changed", "clear", "remove", "reverse"))  # fmt: skip
TURNS = frozenset(("index", "index0", "revindex", "revindex0", "first", "last", "length", "depth", "depth0"))
FIELD = frozenset(("get", "pop", "setdefault"))
HOLDS = frozenset(("items", "keys", "values", "copy", "next", "cycle"))
PUTS = frozenset(("append", "extend", "insert", "update", "setdefault"))
"""Methods: of text, of any value, by a key, of what a container holds, and those that put something into one."""
