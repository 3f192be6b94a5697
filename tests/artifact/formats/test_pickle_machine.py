# ruff: noqa: BLE001 - whatever a real unpickler raises ends its program
"""The symbolic machine against the real unpicklers: what they import and call, it must have told.

Programs are drawn at random, opcode by opcode, and run by CPython's three readers (C over bytes, C over a file, and the
one in Python that joblib uses) with a `find_class` that hands out inert stubs. Nothing of a program is ever executed.
"""

from __future__ import annotations

import io
import pickle
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from corpus.random_pickles import program
from hauberk.artifact.formats.machine import Machine, Watcher
from hauberk.artifact.formats.opcodes import Broken, Global, Made, Opaque, Seq

Event = tuple[str, str]


class Log:
    """What a reader did, by stubs that do nothing."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.made: dict[str, type] = {}

    def find(self, module: str, name: str) -> type:
        dotted = f"{module}.{name}"
        self.events.append(("import", dotted))
        return self.made.setdefault(dotted, self._stub(dotted))

    def _stub(self, dotted: str) -> type:
        events = self.events

        class Meta(type):
            def __call__(cls, *args: Any, **kwargs: Any) -> Any:
                events.append(("call", dotted))
                return object.__new__(cls)

        def new(cls: type, *args: Any, **kwargs: Any) -> Any:
            events.append(("call", dotted))
            return object.__new__(cls)

        def told(kind: str) -> Callable[..., None]:
            return lambda self, *args: events.append((kind, dotted))

        body = {"__new__": new, "__setstate__": told("build"), "append": told("write"), "add": told("write")}
        body |= {"extend": told("write"), "__setitem__": told("write")}
        return Meta("Stub", (), body)


class Told(Watcher):
    """What the machine tells, in the same words."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def mention(self, name: Global) -> None:
        self.events.append(("import", name.dotted))

    def call(self, use: str, target: Any, args: Any, at: int) -> Any:
        self.events.append(("call", _dotted(target)))
        return Made(target, args)

    def build(self, target: Any, state: Any, at: int) -> None:
        self.events.append(("build", _dotted(target)))

    def write(self, target: Any, how: str, items: list[Any], at: int) -> None:
        self.events.append(("write", _dotted(target)))

    def computed(self, module: Any, name: Any, at: int) -> Any:
        self.events.append(("import", "?"))
        return Opaque("computed name")


def _dotted(value: Any) -> str:
    cls = value.cls if isinstance(value, Made) else value
    return cls.dotted if isinstance(cls, Global) else "?"


def readers(data: bytes) -> Iterator[tuple[str, Log, bool]]:
    """(name, what it did, whether it came to the end) of each."""
    for name, base, source in (
        ("C over bytes", pickle.Unpickler, None),
        ("C over a file", pickle.Unpickler, io.BytesIO),
        ("Python", pickle._Unpickler, io.BytesIO),  # type: ignore[attr-defined]
    ):
        log = Log()
        finds = {
            "find_class": lambda self, module, name, log=log: log.find(module, name),
            "persistent_load": lambda self, pid: ("persistent", pid),
        }
        try:
            type("Reader", (base,), finds)(source(data) if source else _Whole(data)).load()
        except RecursionError:
            continue
        except Exception:
            yield name, log, False
        else:
            yield name, log, True


class _Whole:
    """A file that gives all that it has at the first look, as `loads` does."""

    def __init__(self, data: bytes) -> None:
        self.file = io.BytesIO(data)

    def read(self, n: int = -1) -> bytes:
        return self.file.read(n)

    def readline(self) -> bytes:
        return self.file.readline()

    def readinto(self, buffer: bytearray) -> int:
        return self.file.readinto(buffer)

    def peek(self, n: int = -1) -> bytes:
        at = self.file.tell()
        rest = self.file.read()
        self.file.seek(at)
        return rest


def matches(real: Event, told: Event) -> bool:
    """The machine writes today's names of what Python 2 called otherwise."""
    import _compat_pickle

    names = {real[1], "?"}
    module, _, rest = real[1].partition(".")
    if module in _compat_pickle.IMPORT_MAPPING:
        names.add(f"{_compat_pickle.IMPORT_MAPPING[module]}.{rest}")
    names |= {".".join(new) for old, new in _compat_pickle.NAME_MAPPING.items() if ".".join(old) == real[1]}
    return real[0] == told[0] and told[1] in names


def machine(data: bytes) -> tuple[Told, Broken | None]:
    told = Told()
    one = Machine(memoryview(data), 0, told)
    try:
        one.run()
    except Broken as error:
        return told, error
    return told, one.late


def compare(data: bytes) -> int:
    """Each reader's events are among the machine's, in order. Returns how many events were compared."""
    told, error = machine(data)
    compared = 0
    for name, log, ended in readers(data):
        rest = iter(told.events)
        did = [event for event, before in zip(log.events, [None, *log.events], strict=False) if event != before]
        missing = [event for event in did if not any(matches(event, other) for other in rest)]
        apart = error is not None and b"\x95" in data  # an opcode over the end of a frame: the program is refused
        assert not missing or apart, (name, data, missing, told.events, error)
        assert not ended or error is None or _patient(str(error)), (name, data, error)
        compared += len(did)
    return compared


def _patient(error: str) -> bool:
    """Where one reader comes to an end and another does not: the machine says so."""
    parted = ("frame", "some readers only", "NUL", "carriage return", "never stored", "is none", "STACK_GLOBAL")
    return any(word in error for word in parted)


@pytest.mark.parametrize("seed", range(12))
def test_every_import_and_call_of_a_real_unpickler_is_told(seed: int) -> None:
    draw = random.Random(seed)
    assert sum(compare(program(draw)) for _ in range(150)) > 300


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 400))
def test_many_more_programs(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(200):
        compare(program(draw))


@pytest.mark.parametrize("seed", range(4))
def test_honest_pickles_with_a_byte_changed(seed: int) -> None:
    """Mutants of what pickle writes: the machine raises Broken or tells all that a reader does."""
    draw = random.Random(seed)
    value = {"a": [1, 2.5, "x" * 300], "b": (None, {1}), "c": pickle.PickleBuffer, "d": Exception("e"), "f": b"b" * 9}
    for _ in range(200):
        data = bytearray(pickle.dumps(value, draw.randrange(6)))
        data[draw.randrange(len(data))] = draw.randrange(256)
        compare(bytes(data))


# what random programs seldom hit


def told(data: bytes) -> list[Event]:
    events, _ = machine(data)
    assert compare(data) >= 0
    return events.events


IMPORT = b"cos\nsystem\n"


@pytest.mark.parametrize(
    "data",
    [
        b"Vos\np010\n0Vsystem\np11\n0\x80\x04g10\ng011\n\x93)R.",  # decimal, whatever it begins with
        b"Vos\np1\0z\n0Vsystem\np2\n0\x80\x04g1\ng2\n\x93)R.",  # the C unpickler reads up to a NUL
        b"I 9\nI08\nI1z\n000cos\nsystem\n)R.",  # integers that only some readers take
        b"F1_0\nF 1.5\n00cos\nsystem\n)R.",
        b")(u" + IMPORT + b")R.", b")(e" + IMPORT + b")R.", b"](\x90" + IMPORT + b")R.",  # nothing put into a tuple
        b"]K\0aK\0Ns" + IMPORT + b")R.",  # an item of a list, set
        b"\x96\x02\0\0\0\0\0\0\0abK\x63a" + IMPORT + b")R.",  # a bytearray that grows
        b"ios\nsystem\n.",  # the reader in Python imports before it misses the mark
        b"(i__builtin__\neval\n.", b"(c__builtin__\neval\no.",
        b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x93)}\x92.",
        b"((0" + IMPORT + b"(t1" + IMPORT + b")R.",  # POP takes a mark away when nothing stands above it
        b"\x80\x02" + IMPORT + b"2)R0)R.",
        b"\x95\x02\0\0\0\0\0\0\0cos\nsystem\n)R.",  # an opcode that goes on behind its frame
    ],
)  # fmt: skip
def test_what_random_programs_seldom_hit(data: bytes) -> None:
    events = told(data)
    assert any(kind == "import" for kind, _ in events), events


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x80\x04\x95\x03\0\0\0\0\0\0\0" + IMPORT + b".", "behind its frame"),
        (b"\x80\x04\x95\x09\0\0\0\0\0\0\0N0\x95\x01\0\0\0\0\0\0\0N.", "begins inside"),
        (b"\x80\x04\x95\xff\0\0\0\0\0\0\0N.", "longer than the file"),
        (b"\x80\x04\x95\x09\0\0\0\0\0\0\0N.NNNNNNN", "goes on behind the STOP"),
        (b"I08\n.", "some readers only"), (b"S'a'\r\n.", "carriage return"), (b"Np1\0\n.", "NUL"),
    ],
)  # fmt: skip
def test_where_readers_part(data: bytes, why: str) -> None:
    """The machine goes on, and says that no honest writer makes such a stream."""
    _, error = machine(data)
    assert error is not None
    assert why in str(error)


@pytest.mark.parametrize(
    "data",
    [b"N", b"", b".", b"(.", b"g1\n.", b"NNN\x93.", b"]Nu.", b"\x80\x06N.", b"K", b"\x8c\x05ab", b"Np-1\n.", b"a."],
)
def test_what_every_reader_refuses(data: bytes) -> None:
    _, error = machine(data)
    assert error is not None
    assert not any(ended for _, _, ended in readers(data))


def test_values_that_a_program_makes() -> None:
    one = Machine(memoryview(pickle.dumps(({"k": [1, "v"]}, 2.5, True, -7, b"b", 1 << 70), 4)), 0, Watcher())
    one.run()
    made = one.result.items
    assert made[0].items[0] == "k"
    assert made[0].items[1].items == [1, "v"]
    assert made[1:4] == [2.5, True, -7]
    assert bytes(made[4]) == b"b"
    assert made[5] == 1 << 70


def test_a_name_that_is_computed_is_told() -> None:
    """builtins.str('system') is text when STACK_GLOBAL takes it."""
    seen: list[Any] = []

    class Computed(Told):
        def computed(self, module: Any, name: Any, at: int) -> Any:
            seen.append((module, name))
            return Opaque("computed name")

    data = b"\x80\x04\x8c\x02osc__builtin__\nstr\n\x8c\x06system\x85R\x93)R."
    Machine(memoryview(data), 0, Computed()).run()
    assert len(seen) == 1


def test_containers_keep_count_of_what_they_drop() -> None:
    kept = Seq("list")
    for n in range(1000):
        kept.extend([n])
    assert (kept.count, kept.whole, len(kept.items)) == (1000, False, 64)
    assert Seq("tuple", list(range(256))).whole
    assert not Seq("tuple", list(range(257))).whole
