"""R's .rds and .RData: data is clean, what can run is not. Written by a small writer of R's serialization."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
from collections.abc import Callable

from corpus import Sample, add

NULL, GLOBAL, UNBOUND, MISSING, BASE_SPACE, EMPTY, BASE = (
    bytes((0, 0, 0, n)) for n in (254, 253, 252, 251, 250, 242, 241)
)
OBJECT, ATTRIBUTES, TAG = 0x100, 0x200, 0x400


def word(value: int) -> bytes:
    return struct.pack(">i", value)


def file(item: bytes, version: int = 2) -> bytes:
    """A .rds, not compressed."""
    head = b"X\n" + word(version) + word(0x40202) + word(0x20300 if version == 2 else 0x30500)
    return head + (word(5) + b"UTF-8" if version == 3 else b"") + item


def saved(**objects: bytes) -> bytes:
    """A .RData: a linked list of named objects."""
    return b"RDX2\n" + file(pairs(*(item for item in objects.values()), names=tuple(objects)))


def chars(text: str | bytes) -> bytes:
    raw = text if isinstance(text, bytes) else text.encode()
    return word(0x40009) + word(len(raw)) + raw


def name(text: str) -> bytes:
    return word(1) + chars(text)


def strings(*texts: str) -> bytes:
    return word(16) + word(len(texts)) + b"".join(chars(text) for text in texts)


def integers(*values: int) -> bytes:
    return word(13) + word(len(values)) + b"".join(word(value) for value in values)


def reals(*values: float) -> bytes:
    return word(14) + word(len(values)) + struct.pack(f">{len(values)}d", *values)


def vector(*items: bytes, kind: int = 19, attributes: bytes = b"") -> bytes:
    flags = kind | (ATTRIBUTES | OBJECT if attributes else 0)
    return word(flags) + word(len(items)) + b"".join(items) + attributes


def pairs(*items: bytes, names: tuple[str, ...] = ()) -> bytes:
    body = b""
    for at, item in enumerate(items):
        body += word(2 | TAG) + name(names[at]) + item if at < len(names) else word(2) + item
    return body + NULL


def call(function: bytes | str, *arguments: bytes) -> bytes:
    head = name(function) if isinstance(function, str) else function
    return word(6) + head + pairs(*arguments)


def closure(body: bytes, environment: bytes = GLOBAL) -> bytes:
    return word(3 | TAG) + environment + NULL + body


def promise(value: bytes, code: bytes, environment: bytes = GLOBAL) -> bytes:
    return word(5 | TAG) + environment + value + code


def environment(frame: bytes = NULL) -> bytes:
    return word(4) + word(0) + GLOBAL + frame + NULL + NULL


def formula(*terms: bytes) -> bytes:
    """A formula, as lm keeps it: a call of ~ with a class and an environment."""
    attributes = pairs(strings("formula"), GLOBAL, names=("class", ".Environment"))
    return word(6 | ATTRIBUTES | OBJECT) + attributes + name("~") + pairs(*terms)


def space(*told: str, kind: int = 249) -> bytes:
    return word(kind) + word(0) + word(len(told)) + b"".join(chars(text) for text in told)


def alternative(cls: str, state: bytes = integers(1)) -> bytes:
    return word(238) + word(2) + name(cls) + pairs(name("base"), integers(13)) + state + NULL


def text_of(*lines: str) -> bytes:
    """The form of text."""
    return ("A\n2\n262658\n131840\n" + "".join(line + "\n" for line in lines)).encode()


SYSTEM = call("system", strings("id"))
FRAME = vector(
    reals(1.5, 2.5),
    integers(1, 2),
    attributes=pairs(
        strings("a", "b"), strings("data.frame"), integers(-(2**31), -2), names=("names", "class", "row.names")
    ),
)

BAD: dict[str, tuple[str, Callable[[], bytes]]] = {
    "promise": (
        "CVE-2024-27322: a promise that runs when its value is looked at",
        lambda: file(promise(UNBOUND, SYSTEM)),
    ),
    "promise_in_a_list": ("CVE-2024-27322", lambda: file(vector(reals(1.0), promise(UNBOUND, SYSTEM)))),
    "promise_of_harmless_code": ("CVE-2024-27322", lambda: file(promise(UNBOUND, call("sum", integers(1))))),
    "promise_in_rdata": (
        "CVE-2024-27322, as a package's data",
        lambda: gzip.compress(saved(model=promise(UNBOUND, SYSTEM))),
    ),
    "promise_in_attributes": (
        "CVE-2024-27322",
        lambda: file(vector(reals(1.0), attributes=pairs(promise(UNBOUND, SYSTEM), names=("x",)))),
    ),
    "promise_in_an_environment": (
        "CVE-2024-27322",
        lambda: file(environment(word(2 | TAG) + name("x") + promise(UNBOUND, SYSTEM) + NULL)),
    ),
    "promise_as_a_tail": (
        "a list whose tail is a promise",
        lambda: file(word(2) + integers(1) + promise(UNBOUND, SYSTEM)),
    ),
    "promise_in_xz": ("CVE-2024-27322, compressed", lambda: lzma.compress(file(promise(UNBOUND, SYSTEM)))),
    "promise_in_bz2": ("CVE-2024-27322, compressed", lambda: bz2.compress(file(promise(UNBOUND, SYSTEM), 3))),
    "promise_as_text": (
        "CVE-2024-27322, in the form of text",
        lambda: text_of(
            "1029", "253", "252", "6", "1", "262153", "6", "system", "2", "16", "1", "262153", "2", "id", "254"
        ),
    ),
    "promise_as_text_of_another_version": (
        "CVE-2024-27322: R looks at no more of the writer than whether it is too new",
        lambda: b"A\n 2 1 1\n1029 253 252\n6 1 262153 6 system\n2 16 1 262153 2 id 254\n",
    ),
    "promise_of_another_writer": (
        "CVE-2024-27322: any version will do",
        lambda: b"X\n" + word(2) + word(0x7F020304) + word(0) + promise(UNBOUND, SYSTEM),
    ),
    "function": ("a function that predict may call", lambda: file(closure(SYSTEM))),
    "function_that_shadows": ("load() puts it before R's own", lambda: saved(print=closure(call("sum", integers(1))))),
    "function_in_an_s4_object": (
        "a slot",
        lambda: file(word(25 | ATTRIBUTES | OBJECT) + pairs(closure(NULL), names=("f",))),
    ),
    "compiled": ("bytecode", lambda: file(word(21) + word(1) + integers(12, 1) + word(0))),
    "call_of_system": (
        "update() runs it",
        lambda: file(vector(SYSTEM, attributes=pairs(strings("call"), names=("names",)))),
    ),
    "call_of_another_package": ("update() runs it", lambda: file(call(call("::", name("evil"), name("run"))))),
    "call_of_what_is_computed": ("not named", lambda: file(call(call("function", NULL, SYSTEM)))),
    "call_of_a_function": ("inline", lambda: file(call(closure(NULL)))),
    "call_in_a_formula": (
        "model.frame runs it at each prediction",
        lambda: file(formula(name("y"), call("eval", SYSTEM))),
    ),
    "call_in_an_attribute": (
        "predvars of terms",
        lambda: file(
            vector(reals(1.0), attributes=pairs(call("list", call("system2", strings("id"))), names=("predvars",)))
        ),
    ),
    "call_of_an_operator_by_name": ("not understood", lambda: file(call("my_own_function", integers(1)))),
    "call_as_a_tail": ("a list whose tail is a call", lambda: file(word(2) + integers(1) + SYSTEM)),
    "call_by_a_native_name": (".Call into any library", lambda: file(call(".Call", strings("x")))),
    "expression": ("a vector of calls", lambda: file(vector(SYSTEM, kind=20))),
    "builtin": ("a function of R's core as a value", lambda: file(word(8) + word(6) + b"system")),
    "special": ("a function of R's core as a value", lambda: file(word(7) + word(9) + b".Internal")),
    "pointer": ("an address of another process", lambda: file(word(22) + NULL + NULL)),
    "weak_reference": ("what honest models do not hold", lambda: file(word(23))),
    "namespace": ("loading loads the package", lambda: file(space("evil", "1.0"))),
    "package": ("loading attaches the package", lambda: file(space("package:evil", kind=248))),
    "persistent": ("a hook finds it by name", lambda: file(space("x", kind=247))),
    "mapped_vector": ("a vector that maps any file", lambda: file(alternative("mmap_integer", strings("/etc/passwd")))),
    "vector_of_a_package": ("its class runs", lambda: file(alternative("arrow::array_string"))),
    "old_class": ("types that R no longer writes", lambda: file(word(246))),
    "unknown_type": ("none of R's", lambda: file(word(30))),
    "reference_to_nothing": ("beyond the table", lambda: file(word(255 | 7 << 8))),
    "negative_length": ("sizes that lie", lambda: file(word(13) + word(-5))),
    "huge_length": ("sizes that lie", lambda: file(word(14) + word(-1) + word(1 << 20) + word(0))),
    "huge_list": ("sizes that lie", lambda: file(word(19) + word(1 << 30))),
    "cut": ("truncated", lambda: file(FRAME)[:-6]),
    "data_behind": ("readRDS stops before it", lambda: file(FRAME) + file(promise(UNBOUND, SYSTEM))),
    "text_behind": ("readRDS stops before it", lambda: file(FRAME) + b"hello"),
    "version_9": ("not known", lambda: file(FRAME, 9)),
    "first_format": ("of R before 1.4", lambda: b"RDX1\n" + bytes(50)),
    "nested_deeply": ("beyond what R reads", lambda: file((word(19) + word(1)) * 30_000 + NULL)),
    "name_that_is_no_text": ("a symbol that is none", lambda: file(call(word(1) + integers(1)))),
}

GOOD: dict[str, tuple[str, Callable[[], bytes]]] = {
    "weights": (
        "a list of vectors, as saveRDS writes",
        lambda: gzip.compress(file(vector(reals(0.5, 1.5), integers(3), strings("a")))),
    ),
    "frame": ("a data frame", lambda: file(FRAME, 3)),
    "factor": (
        "a factor",
        lambda: file(
            word(13 | ATTRIBUTES | OBJECT)
            + word(2)
            + word(1)
            + word(2)
            + pairs(strings("u", "v"), strings("factor"), names=("levels", "class"))
        ),
    ),
    "rdata": ("two objects, as save() writes", lambda: gzip.compress(saved(a=FRAME, b=reals(1.0)))),
    "linear_model": (
        "lm: coefficients, its call and its formula",
        lambda: file(
            vector(reals(1.0), call("lm", formula(name("y"), call("+", name("x"), call("log", name("z")))), name("d")))
        ),
    ),
    "linear_model_in_a_function": (
        "lm fitted in a function: the formula keeps its environment, and a promise that was kept",
        lambda: file(environment(word(2 | TAG) + name("d") + promise(FRAME, name("iris"), NULL) + NULL)),
    ),
    "namespaced_call": (
        "stats::lm",
        lambda: file(call(call("::", name("stats"), name("lm")), formula(name("y"), name("x")))),
    ),
    "base_namespace": (
        "a formula of a package that comes with R",
        lambda: file(vector(space("stats", "4.2.2"), BASE_SPACE)),
    ),
    "sequence": (
        "1:1000000, in its compact form",
        lambda: file(alternative("compact_intseq", reals(1e6, 1.0, 1.0)), 3),
    ),
    "wrapped": (
        "a sorted vector",
        lambda: file(alternative("wrap_real", vector(reals(1.0), integers(1, 0), kind=19)), 3),
    ),
    "complex_and_raw": (
        "numbers of other kinds",
        lambda: file(vector(word(15) + word(1) + bytes(16), word(24) + word(3) + b"abc", word(10) + word(1) + word(1))),
    ),
    "references": ("a name told twice", lambda: file(vector(name("x"), word(255 | 1 << 8), word(255) + word(1)))),
    "s4": (
        "an S4 object of plain slots",
        lambda: file(word(25 | ATTRIBUTES | OBJECT) + pairs(reals(1.0), names=("slot",))),
    ),
    "as_text": (
        "the form of text",
        lambda: text_of("19", "2", "14", "2", "0.5", "NA", "16", "1", "262153", "5", "a\\nb\\\\c"),
    ),
    "native": (
        "the writer's own order of bytes",
        lambda: b"B\n" + struct.pack("<4i", 2, 0x40202, 0x20300, 13) + struct.pack("<3i", 2, 7, 8),
    ),
    "numbers": ("near miss: a list of numbers below a letter", lambda: b"A\n2\n3\n4\n5\n6\n"),
    "long_formula": (
        "near miss: a formula of 2,000 terms nests as deep",
        lambda: file((word(6) + name("+") + word(2)) * 2000 + name("x") + (word(2) + name("y") + NULL) * 2000),
    ),
}


def _add(table: dict[str, tuple[str, Callable[[], bytes]]], prefix: str, *, dangerous: bool) -> None:
    for label, (why, build) in table.items():
        ending = "RData" if "rdata" in label else "rds"
        add(Sample(f"rdata/{prefix}{label}", "r", why, f"model.{ending}", "", build, dangerous))


_add(BAD, "", dangerous=True)
_add(GOOD, "honest_", dangerous=False)


def tagged(function: str, **arguments: bytes) -> bytes:
    return word(6) + name(function) + pairs(*arguments.values(), names=tuple(arguments))


PAIR = strings("sys"), strings("tem")
TRICKS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "outer": ("outer calls the function that a text names", lambda: file(call("outer", *PAIR, strings("system")))),
    "outer_computed": (
        "a text that is computed names the function",
        lambda: file(call("outer", strings("id"), strings(""), call("paste0", *PAIR))),
    ),
    "renamed": (
        "a harmless name is given to another function before it is called",
        lambda: file(formula(call("{", call("=", name("c"), name("system")), call("c", strings("id"))))),
    ),
    "renamed_in_data": (
        "the data of a model holds a function of a harmless name",
        lambda: file(call("lm", formula(call("c", strings("id"))), tagged("list", c=name("system")))),
    ),
    "renamed_to_unknown": (
        "a function that nobody lists gets a harmless name",
        lambda: file(call("lm", formula(call("c", strings("id"))), tagged("list", c=name("acme")))),
    ),
    "renamed_behind_another": (
        "the same behind a value without a name",
        lambda: file(word(6) + name("list") + word(2) + name("url") + pairs(name("acme"), names=("c",))),
    ),
    "renamed_by_structure": (
        "a data frame that is none holds a function",
        lambda: file(call("subset", call("structure", call("list", name("system")), strings("c")), name("x"))),
    ),
    "family": ("glm calls the family that a text names", lambda: file(tagged("glm", y=NULL, family=strings("quit")))),
    "family_symbol": ("glm calls its family", lambda: file(tagged("glm", y=NULL, family=name("quit")))),
    "fifth_argument": (
        "behind more arguments than a reader cares for",
        lambda: file(tagged("glm", y=NULL, a=NULL, b=NULL, c=NULL, d=NULL, family=name("quit"))),
    ),
    "attributes_of_text": (
        "R reads the attributes of a text, and forgets them: a reader that does not is out of step",
        lambda: file(word(16) + word(1) + word(0x40009 | ATTRIBUTES) + word(2) + b"hi" + SYSTEM),
    ),
}
TRICKS["na_action"] = (
    "a fitting function gets its argument by name",
    lambda: file(word(6) + name("lm") + pairs(NULL, strings("q"), names=("formula", "na.action"))),
)
_add(TRICKS, "trick_", dangerous=True)
_add(
    {
        "usual_arguments": (
            "near miss: a call with a family, a method and a list of settings",
            lambda: file(
                word(6)
                + name("glm")
                + pairs(
                    formula(name("y"), name("x")),
                    call("binomial"),
                    name("d"),
                    strings("glm.fit"),
                    tagged("list", maxit=integers(50)),
                    names=("formula", "family", "data", "method", "control"),
                )
            ),
        ),
    },
    "honest_trick_",
    dangerous=False,
)
