"""Conversion, held against torch and safetensors themselves; and payloads that run under torch.load and not here."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import tracemalloc
import zipfile
from collections import OrderedDict, deque
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hauberk.artifact.convert import convert
from hauberk.artifact.weights import gather
from hauberk.artifact.weights.values import Storage, Tensor
from hauberk.core.errors import HauberkError, InputError, LimitExceeded, UnsupportedError
from hauberk.core.limits import Limits

torch = pytest.importorskip("torch")
from safetensors import safe_open  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

FORMS = [pytest.param(True, id="zip"), pytest.param(False, id="legacy")]


def state() -> dict[str, Any]:
    """A tensor of every type that safetensors has, and of every way in which torch lays one out."""
    torch.manual_seed(0)
    base = torch.arange(60.0)
    plain = {
        "f32": torch.randn(3, 4), "f64": torch.randn(3).double(), "f16": torch.randn(3).half(),
        "bf16": torch.randn(3).bfloat16(), "bool": torch.tensor([True, False]),
        "c64": torch.randn(3, dtype=torch.complex64),
        **{f"i{n}": torch.arange(-2, 3).to(getattr(torch, f"int{n}")) for n in (8, 16, 32, 64)},
        **{f"u{n}": torch.arange(5).to(getattr(torch, f"uint{n}")) for n in (8, 16, 32, 64)},
        "e4m3": torch.randn(4).to(torch.float8_e4m3fn), "e5m2": torch.randn(4).to(torch.float8_e5m2),
    }  # fmt: skip
    laid = {
        "transposed": torch.randn(5, 7).t(), "expanded": torch.randn(1, 3).expand(4, 3), "none": torch.zeros(0, 3),
        "channels_last": torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last), "scalar": torch.tensor(3.5),
        "view": base[5:12:2], "tied": base, "flipped": torch.randn(6).flip(0), "diagonal": torch.randn(4, 4).diagonal(),
        "parameter": torch.nn.Parameter(torch.randn(2)), "ünïcode.名": torch.ones(1), "": torch.ones(2),
    }  # fmt: skip
    return plain | laid


def same(a: Any, b: Any) -> bool:
    """Whether two tensors are the same to the bit."""
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    a, b = (t.detach().contiguous().clone().reshape(-1).view(torch.uint8) for t in (a, b))
    return bool(a.equal(b))


def taken(path: Path, **settings: Any) -> dict[str, Any]:
    convert(path, target := path.with_name("out.safetensors"), replace=True, **settings)
    found: dict[str, Any] = load_file(target)
    return found


@pytest.mark.parametrize("modern", FORMS)
def test_every_type_and_layout_comes_out_to_the_bit(tmp_path: Path, modern: bool) -> None:
    honest = state()
    torch.save(honest, tmp_path / "m.pt", _use_new_zipfile_serialization=modern)
    found = taken(tmp_path / "m.pt")
    assert found.keys() == honest.keys()
    assert [name for name in honest if not same(found[name], honest[name])] == []


@pytest.mark.parametrize("modern", FORMS)
def test_the_file_is_the_one_that_safetensors_writes(tmp_path: Path, modern: bool) -> None:
    honest = state()
    torch.save(honest, tmp_path / "m.pt", _use_new_zipfile_serialization=modern)
    done = convert(tmp_path / "m.pt", tmp_path / "ours")
    metadata = {"format": "pt", "hauberk.source": done.source}
    save_file({k: v.detach().contiguous().clone() for k, v in honest.items()}, tmp_path / "theirs", metadata={})
    (ours, our_header), (theirs, their_header) = (_parts(tmp_path / name) for name in ("ours", "theirs"))
    assert our_header.pop("__metadata__") == metadata
    their_header.pop("__metadata__", None)
    assert (list(our_header.items()), ours) == (list(their_header.items()), theirs)


def _parts(path: Path) -> tuple[bytes, dict[str, Any]]:
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    assert size % 8 == 0
    return content[8 + size :], json.loads(content[8 : 8 + size])


class Net(torch.nn.Module):  # type: ignore[name-defined,misc]
    def __init__(self) -> None:
        super().__init__()
        self.features = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4))
        self.head = torch.nn.Linear(4, 4)
        self.tied = self.head
        self.register_buffer("kept", torch.arange(3))
        self.register_buffer("passing", torch.arange(4), persistent=False)
        self.register_buffer("absent", None)
        self.note = torch.ones(2)


@pytest.mark.parametrize("modern", FORMS)
@pytest.mark.filterwarnings("ignore")
def test_a_pickled_module_gives_its_state_dict(tmp_path: Path, modern: bool) -> None:
    net = Net()
    torch.save({"model": net, "epoch": 3}, tmp_path / "m.pt", _use_new_zipfile_serialization=modern)
    found = taken(tmp_path / "m.pt")
    honest = net.state_dict(prefix="model.")
    assert list(honest) == list(convert(tmp_path / "m.pt", tmp_path / "again").tensors)
    assert all(same(found[name], honest[name]) for name in honest)
    left = {note.path for note in convert(tmp_path / "m.pt", tmp_path / "third").left}
    assert left == {"epoch", "model.note"}


@pytest.mark.parametrize("modern", FORMS)
def test_a_training_checkpoint_keeps_its_tree(tmp_path: Path, modern: bool) -> None:
    adam = {"state": {0: {"step": torch.tensor(1.0), "exp_avg": torch.ones(2, 2)}}, "param_groups": [{"lr": 0.1}]}
    whole = {"net": torch.nn.Linear(2, 2).state_dict(), "adam": adam, "lists": [[torch.ones(1)], (torch.zeros(1),)]}
    torch.save(whole, tmp_path / "m.pt", _use_new_zipfile_serialization=modern)
    found = taken(tmp_path / "m.pt")
    assert {"net.weight", "net.bias", "adam.state.0.exp_avg", "lists.0.0", "lists.1.0"} <= found.keys()


def test_torchscript_gives_its_parameters(tmp_path: Path) -> None:
    net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU())
    torch.jit.trace(net, torch.ones(1, 2)).save(tmp_path / "m.pt")
    found = taken(tmp_path / "m.pt")
    assert all(same(found[name], value) for name, value in net.state_dict().items())


# payloads


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


def weights() -> OrderedDict[str, Any]:
    torch.manual_seed(1)
    return OrderedDict(a=torch.randn(4, 5), b=torch.randn(3), c=torch.arange(6).reshape(2, 3).t())


def saved(obj: Any, modern: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save(obj, buffer, _use_new_zipfile_serialization=modern)
    return buffer.getvalue()


def rewritten(content: bytes, change: Callable[[bytes], bytes], modern: bool) -> bytes:
    """The checkpoint with another program; its storages stay."""
    if not modern:
        starts = _streams(content)
        return content[: starts[3]] + change(content[starts[3] : starts[4]]) + content[starts[4] :]
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            new.writestr(name, change(part) if name.endswith("/data.pkl") else part)
    return out.getvalue()


def _streams(content: bytes) -> list[int]:
    """Where each of the five programs of a legacy checkpoint begins, and the end of the last."""
    import pickletools

    buffer, starts = io.BytesIO(content), [0]
    for _ in range(5):
        for _ in pickletools.genops(buffer):
            pass
        starts.append(buffer.tell())
    return starts


def call(command: str) -> bytes:
    return b"cposix\nsystem\n(S'%b'\ntR" % command.encode()


def obj_call(command: str) -> bytes:
    return b"(cposix\nsystem\nS'%b'\no" % command.encode()


def inst_call(command: str) -> bytes:
    return b"(S'%b'\niposix\nsystem\n" % command.encode()


class _InId(pickle.Pickler):
    """Saves storages as torch.save does, with a command where the location stands."""

    def __init__(self, file: Any, command: str) -> None:
        super().__init__(file, 2)
        self.command, self.keys = command, dict[int, str]()

    def persistent_id(self, obj: Any) -> Any:
        if not torch.is_storage(obj):
            return None
        key = self.keys.setdefault(obj._untyped_storage._cdata, str(len(self.keys)))
        kind = type(obj) if type(obj) is not torch.storage.TypedStorage else getattr(torch, obj.pickle_storage_type())
        return ("storage", kind, key, Evil(self.command), obj.nbytes())


def in_an_id(command: str, modern: bool) -> bytes:
    buffer = io.BytesIO()
    _InId(buffer, command).dump(weights())
    return rewritten(saved(weights(), True), lambda old: buffer.getvalue(), True)


def in_metadata(command: str) -> Any:
    honest = weights()
    honest._metadata = {"": Evil(command)}  # type: ignore[attr-defined]
    return honest


Style = Callable[[str, bool], bytes]


def programmed(change: Callable[[bytes, str], bytes]) -> Style:
    """A checkpoint whose program is changed."""
    return lambda command, new: rewritten(saved(weights(), new), lambda p: change(p, command), new)


STYLES: dict[str, Style] = {
    "beside the tensors": lambda c, new: saved({**weights(), "x": Evil(c)}, new),
    "first in the dict": lambda c, new: saved({"x": Evil(c), **weights()}, new),
    "as a key": lambda c, new: saved({Evil(c): 1, **weights()}, new),
    "before": programmed(lambda p, c: p[:2] + call(c) + b"0" + p[2:]),
    "before, by OBJ": programmed(lambda p, c: p[:2] + obj_call(c) + b"0" + p[2:]),
    "before, by INST": programmed(lambda p, c: p[:2] + inst_call(c) + b"0" + p[2:]),
    "after": programmed(lambda p, c: p[:-1] + call(c) + b"0."),
    "after, by POP_MARK": programmed(lambda p, c: p[:-1] + b"(" + call(c) + b"1."),
    "in the state of a BUILD": lambda c, new: saved(in_metadata(c), new),
    "as the requires_grad of a tensor": programmed(lambda p, c: p.replace(b"\x89", call(c), 1)),
    "as the hooks of a tensor": lambda c, new: saved(_hooked(c), new),
    "in a persistent id": in_an_id,
    "in a second program": lambda c, new: _appended(c) if new else _second_stream(c),
}


def _hooked(command: str) -> Any:
    honest = weights()
    for name, value in honest.items():
        honest[name] = value.clone() if name != "b" else _Hooked(command)
    return honest


class _Hooked:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, ...]:
        b = weights()["b"]
        storage = torch.storage.TypedStorage(wrap_storage=b.untyped_storage(), dtype=b.dtype, _internal=True)
        return torch._utils._rebuild_tensor_v2, (storage, 0, (3,), (1,), False, Evil(self.command))


def _appended(command: str) -> bytes:
    return rewritten(saved(weights(), True), lambda p: p + b"\x80\x02" + call(command) + b".", True)


def _second_stream(command: str) -> bytes:
    """In the program that tells of the writer's system."""
    content = saved(weights(), False)
    starts = _streams(content)
    return content[: starts[2]] + b"\x80\x02" + call(command) + b"." + content[starts[3] :]


PASSED_OVER = {"in a second program"}
"""torch reads one program of a zip; whoever reads all of them runs the second."""


@pytest.mark.parametrize("modern", FORMS)
@pytest.mark.parametrize("style", STYLES)
def test_weights_come_out_of_a_hostile_checkpoint_and_the_payload_does_not_run(
    tmp_path: Path, style: str, modern: bool
) -> None:
    canary = tmp_path / "ran"
    (tmp_path / "m.pt").write_bytes(STYLES[style](f"touch {canary}", modern))
    done = convert(tmp_path / "m.pt", tmp_path / "hostile.safetensors")
    assert not canary.exists()
    (tmp_path / "honest.pt").write_bytes(saved(weights(), modern))
    convert(tmp_path / "honest.pt", tmp_path / "honest.safetensors")
    hostile, honest = (_parts(tmp_path / f"{name}.safetensors")[0] for name in ("hostile", "honest"))
    assert hostile == honest
    assert all(same(load_file(tmp_path / "hostile.safetensors")[k], v) for k, v in weights().items())
    if style not in PASSED_OVER or not modern:
        assert "posix.system" in done.calls


@pytest.mark.parametrize("modern", FORMS)
@pytest.mark.parametrize("style", sorted(STYLES))
@pytest.mark.filterwarnings("ignore")
def test_the_payloads_are_real(tmp_path: Path, style: str, modern: bool) -> None:
    """Otherwise the test above would say nothing."""
    if modern and style in PASSED_OVER:
        pytest.skip("torch reads one program of a zip")
    (tmp_path / "m.pt").write_bytes(STYLES[style](f"touch {tmp_path / 'ran'}", modern))
    with contextlib.suppress(Exception):
        torch.load(tmp_path / "m.pt", weights_only=False)
    assert (tmp_path / "ran").exists()


class Wrapped:
    """A call that is given the tensor, and gives what nobody knows."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.path.join, (weights()["a"], weights()["b"])


HOPELESS: dict[str, Any] = {
    "a call that takes the tensor": {"x": Wrapped()},
    "a quantised tensor": {"x": torch.quantize_per_tensor(torch.randn(3), 0.1, 0, torch.qint8)},
    "a sparse tensor": {"x": torch.eye(3).to_sparse()},
    "a complex double": {"x": torch.zeros(2, dtype=torch.complex128)},
    "a conjugated tensor": {"x": torch.zeros(2, dtype=torch.complex64).conj()},
    "a tensor without numbers": {"x": torch.zeros(2, device="meta")},
}


@pytest.mark.parametrize("name", HOPELESS)
@pytest.mark.filterwarnings("ignore")
def test_a_tensor_that_cannot_be_had_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    torch.save(HOPELESS[name], tmp_path / "m.pt")
    with pytest.raises(UnsupportedError, match=r"m\.pt: x: .*\(opcode \d+\)"):
        convert(tmp_path / "m.pt", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    torch.save({**HOPELESS[name], "y": torch.ones(1)}, tmp_path / "m.pt")
    done = convert(tmp_path / "m.pt", tmp_path / "out", partial=True)
    assert list(done.tensors) == ["y"]
    assert [note.path for note in done.left] == ["x"]


def stately(states: list[bytes]) -> bytes:
    """A program that makes an object and builds it several times."""
    new = b"ctests\nThing\n)\x81"
    return b"\x80\x02}X\x01\x00\x00\x00x" + new + b"".join(state + b"b" for state in states) + b"s."


def _one(name: str, value: int) -> bytes:
    array = "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I1\ntcnumpy\ndtype\n"
    return array.encode() + b"(S'u1'\nI0\nI1\ntR(I3\nS'|'\nNNNI-1\nI-1\nI0\ntbI00\nS'\\x%02x'\ntb" % value


def _dict(name: str, value: int) -> bytes:
    return b"(dS'%b'\n" % name.encode() + _one(name, value) + b"s"


STATES = {
    "many dicts": ([_dict(n, i) for i, n in enumerate("abcdef")], {f"x.{n}" for n in "abcdef"}),
    "slots": ([b"(" + _dict("a", 1) + _dict("b", 2) + b"t"], {"x.a", "x.b"}),
    "slots alone": ([b"(N" + _dict("b", 2) + b"t"], {"x.b"}),
    "a tensor": ([_one("", 1)], {"x.__setstate__"}),
    "a list": ([b"(l" + _one("", 1) + b"a"], {"x.__setstate__.0"}),
    "a tuple of three": ([b"(" + _dict("a", 1) + b"I1\nI2\nt"], {"x.__setstate__.0.a"}),
    "a key that is a number": ([b"(dI7\n" + _one("", 1) + b"s"], {"x.7"}),
}


@pytest.mark.parametrize("name", STATES)
def test_no_state_loses_a_tensor(tmp_path: Path, name: str) -> None:
    states, expected = STATES[name]
    (tmp_path / "m").write_bytes(stately(states))
    assert convert(tmp_path / "m", tmp_path / "out").tensors.keys() == expected


def test_attributes_of_a_dict_are_not_lost(tmp_path: Path) -> None:
    program = b"\x80\x02ccollections\nOrderedDict\n)R" + _dict("a", 1) + b"b."
    (tmp_path / "m").write_bytes(program)
    assert convert(tmp_path / "m", tmp_path / "out").tensors.keys() == {"__dict__.a"}


def test_queues_and_namespaces_are_containers(tmp_path: Path) -> None:
    whole = {"q": deque([torch.ones(1)], 3), "n": SimpleNamespace(w=torch.zeros(2))}
    torch.save(whole, tmp_path / "m.pt")
    assert taken(tmp_path / "m.pt").keys() == {"q.0", "n.w"}


def test_a_tensor_that_is_not_on_the_way_does_not_matter(tmp_path: Path) -> None:
    """The program makes a broken tensor and drops it."""
    broken = b"ctorch._utils\n_rebuild_tensor_v2\n(NNNNNtR0"
    content = rewritten(saved(weights(), True), lambda p: p[:2] + broken + p[2:], True)
    (tmp_path / "m.pt").write_bytes(content)
    assert taken(tmp_path / "m.pt").keys() == weights().keys()


def _two_types(program: bytes) -> bytes:
    """The second tensor's storage has the key of the first, and is one of ints."""
    first, second = program.split(b"X\x01\x00\x00\x001")
    return first + b"0ctorch\nIntStorage\nX\x01\x00\x00\x000" + second


def lying(find: bytes, put: bytes) -> bytes:
    def change(program: bytes) -> bytes:
        assert find in program
        return program.replace(find, put, 1)

    return rewritten(saved({"a": torch.zeros(4, 5)}, True), change, True)


LIES = {
    "a size beyond the storage": lying(b"K\x04K\x05\x86", b"K\x05K\x05\x86"),
    "an offset beyond the storage": lying(b"QK\x00", b"QK\x01"),
    "a negative size": lying(b"K\x04K\x05\x86", b"J\xff\xff\xff\xffK\x05\x86"),
    "a size that is text": lying(b"K\x04K\x05\x86", b"K\x04U\x015\x86"),
    "another number of strides": lying(b"K\x04K\x05\x86", b"K\x14\x85"),
    "a storage that is not there": lying(b"X\x01\x00\x00\x000", b"X\x01\x00\x00\x007"),
    "a storage of another place": lying(b"X\x01\x00\x00\x000", b"X\x0a\x00\x00\x00../version"),
    "a storage of two types": rewritten(
        saved({"a": torch.zeros(2), "b": torch.zeros(2)}, True), lambda p: _two_types(p), True
    ),
    "no program": b"PK\x05\x06" + bytes(18),
}


@pytest.mark.parametrize("name", LIES)
def test_a_program_that_lies_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "m.pt").write_bytes(LIES[name])
    with pytest.raises(InputError, match=r"m\.pt"):
        convert(tmp_path / "m.pt", tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["m.pt"]


def test_an_archive_of_two_readings_is_refused(tmp_path: Path) -> None:
    """Two programs of one name: torch runs one of them, another reader may see the other."""
    content = saved(weights(), True)
    with zipfile.ZipFile(io.BytesIO(content)) as old:
        name = next(n for n in old.namelist() if n.endswith("/data.pkl"))
        program = old.read(name)
    buffer = io.BytesIO(rewritten(content, lambda p: p, True))
    with zipfile.ZipFile(buffer, "a") as new, pytest.warns(UserWarning, match="Duplicate"):
        new.writestr(name, program)
    (tmp_path / "m.pt").write_bytes(buffer.getvalue())
    with pytest.raises(UnsupportedError, match="two readings"):
        convert(tmp_path / "m.pt", tmp_path / "out")


def test_numbers_of_a_big_endian_machine_are_turned(tmp_path: Path) -> None:
    """As torch turns them: the file says in which order it was written."""
    honest = {"f": torch.randn(5), "h": torch.randn(3).half(), "b": torch.tensor([True]), "c": torch.randn(2).cfloat()}
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved(honest, True))) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            part = old.read(name)
            if name.endswith("/byteorder"):
                part = b"big"
            elif "/data/" in name:
                width = {0: 4, 1: 2, 2: 1, 3: 4}[int(name.rpartition("/")[2])]
                part = b"".join(part[i : i + width][::-1] for i in range(0, len(part), width))
            new.writestr(name, part)
    (tmp_path / "m.pt").write_bytes(out.getvalue())
    found, theirs = taken(tmp_path / "m.pt"), torch.load(tmp_path / "m.pt")
    assert all(same(found[name], value) and same(theirs[name], value) for name, value in honest.items())


def test_a_legacy_storage_may_be_a_view_of_another(tmp_path: Path) -> None:
    """As torch before 0.4 wrote them: (key of the view, first item, items)."""
    content = saved({"a": torch.arange(10.0)[:4]}, False)

    def as_view(program: bytes) -> bytes:
        assert b"K\nN" in program
        return program.replace(b"K\nN", b"K\nX\x01\x00\x00\x00vK\x03K\x04\x87", 1)

    (tmp_path / "m.pt").write_bytes(rewritten(content, as_view, False))
    found, theirs = taken(tmp_path / "m.pt"), torch.load(tmp_path / "m.pt", weights_only=False)
    assert found["a"].tolist() == theirs["a"].tolist() == [3.0, 4.0, 5.0, 6.0]


def test_a_few_bytes_do_not_become_very_many(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1).expand(1 << 40)}, tmp_path / "m.pt")
    with pytest.raises(LimitExceeded, match="its tensors have"):
        convert(tmp_path / "m.pt", tmp_path / "out")


def test_a_maze_of_objects_ends(tmp_path: Path) -> None:
    """Thirty lists, each of the one before twice: a thousand million ways to one tensor; and a list in itself."""
    maze: list[Any] = [torch.ones(1)]
    for _ in range(30):
        maze = [maze, maze]
    torch.save(maze, tmp_path / "m.pt")
    with pytest.raises(LimitExceeded):
        convert(tmp_path / "m.pt", tmp_path / "out")
    ring: list[Any] = [torch.ones(1)]
    ring.append(ring)
    torch.save(ring, tmp_path / "m.pt")
    assert taken(tmp_path / "m.pt").keys() == {"0"}
    deep: Any = torch.ones(1)
    for _ in range(150):
        deep = [deep]
    torch.save(deep, tmp_path / "m.pt")
    assert len(taken(tmp_path / "m.pt")) == 1


def test_names_that_meet_are_refused(tmp_path: Path) -> None:
    torch.save({"a": {"b": torch.ones(1)}, "a.b": torch.zeros(1)}, tmp_path / "m.pt")
    with pytest.raises(InputError, match="two tensors would have this name"):
        convert(tmp_path / "m.pt", tmp_path / "out")
    torch.save({"__metadata__": torch.ones(1)}, tmp_path / "m.pt")
    with pytest.raises(InputError, match="no such name"):
        convert(tmp_path / "m.pt", tmp_path / "out")


def test_nothing_to_take_is_an_error(tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "m.pt")
    with pytest.raises(InputError, match="no tensor in it"):
        convert(tmp_path / "m.pt", tmp_path / "out")
    (tmp_path / "m.pt").write_bytes(b"\x7fELF and the like")
    with pytest.raises(UnsupportedError, match="no format that holds tensors"):
        convert(tmp_path / "m.pt", tmp_path / "out")


def test_a_large_checkpoint_is_copied_in_pieces(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(16 << 20), "t": torch.zeros(2048, 4096).t()}, tmp_path / "m.pt")
    tracemalloc.start()
    try:
        convert(tmp_path / "m.pt", tmp_path / "out")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (tmp_path / "out").stat().st_size > 96 << 20
    assert peak < 16 << 20


@given(
    shape=st.lists(st.integers(0, 5), max_size=4), strides=st.lists(st.integers(0, 7), min_size=4, max_size=4),
    offset=st.integers(0, 3), item=st.sampled_from([("U8", 1), ("I16", 2), ("F32", 4), ("F64", 8)]),
    swapped=st.booleans(),
)  # fmt: skip
@settings(max_examples=150, deadline=None, derandomize=True)
def test_gathering_is_what_numpy_does(
    shape: list[int], strides: list[int], offset: int, item: tuple[str, int], swapped: bool
) -> None:
    kind, size = item
    strides = strides[: len(shape)]
    needed = offset + sum(max(n - 1, 0) * s for n, s in zip(shape, strides, strict=True)) + 1
    data = np.random.default_rng(0).integers(0, 256, needed * size, dtype=np.uint8).tobytes()
    raw = np.frombuffer(data, dtype=f"{'>' if swapped else '<'}u{size}")[offset:]
    expected = np.lib.stride_tricks.as_strided(raw, shape, [s * size for s in strides]).astype(f"<u{size}").tobytes()
    tensor = Tensor(Storage("", kind, memoryview(data), swapped=swapped), kind, offset, tuple(shape), tuple(strides))
    gather.check(tensor, "x")
    assert b"".join(gather.pieces(tensor)) == expected


def test_blocks_of_any_size_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    t = torch.randn(1, 7, 5, 6).permute(0, 3, 1, 2)
    whole = t.contiguous().numpy().tobytes()
    data = memoryview(t.untyped_storage().numpy().tobytes() if hasattr(t.untyped_storage(), "numpy") else
                      t.permute(0, 2, 3, 1).contiguous().numpy().tobytes())  # fmt: skip
    for piece in (4, 50, 200, 1 << 20):
        monkeypatch.setattr(gather, "PIECE", piece)
        tensor = Tensor(Storage("", "F32", data), "F32", 0, tuple(t.shape), tuple(t.stride()))
        assert b"".join(gather.pieces(tensor)) == whole


# other formats


ARRAYS = {
    "f4": np.arange(6, dtype="<f4").reshape(2, 3), "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "big": np.arange(4, dtype=">i4"), "bool": np.array([True, False]), "empty": np.zeros((0, 2)),
    "scalar": np.array(2.5), "half": np.arange(3, dtype="f2"), "complex": np.arange(3).astype("c8"),
    "big complex": np.arange(3).astype(">c8"),
}  # fmt: skip


def _as_bytes(found: Path) -> dict[str, bytes]:
    with safe_open(found, "np") as f:
        return {name: f.get_tensor(name).tobytes() for name in f.keys()}  # noqa: SIM118


def _honest_bytes() -> dict[str, bytes]:
    return {k: np.ascontiguousarray(v.astype(v.dtype.newbyteorder("<"))).tobytes() for k, v in ARRAYS.items()}


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_of_a_pickle(tmp_path: Path, protocol: int) -> None:
    (tmp_path / "m").write_bytes(pickle.dumps({**ARRAYS, "names": np.array(["a"]), "n": 1}, protocol))
    done = convert(tmp_path / "m", tmp_path / "out")
    assert _as_bytes(tmp_path / "out") == _honest_bytes()
    assert [note.path for note in done.left] == ["names", "n"]


@pytest.mark.parametrize("compress", [0, 3, ("xz", 1), ("bz2", 1), ("gzip", 1)])
def test_arrays_of_a_joblib_file(tmp_path: Path, compress: Any) -> None:
    joblib = pytest.importorskip("joblib")
    joblib.dump({**ARRAYS, "objects": np.array([np.ones(2), "x"], dtype=object)}, tmp_path / "m", compress=compress)
    convert(tmp_path / "m", tmp_path / "out")
    assert _as_bytes(tmp_path / "out") == {**_honest_bytes(), "objects.0": np.ones(2).tobytes()}


class Fitted:
    """An object with arrays, as scikit-learn's models are."""

    def __init__(self) -> None:
        self.coef_, self.classes_, self.n_iter_ = np.eye(3)[:, 1:], np.array(["a", "b"]), [np.ones(1)]


def test_a_fitted_model_gives_its_arrays(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(pickle.dumps(Fitted()))
    done = convert(tmp_path / "m", tmp_path / "out")
    assert _as_bytes(tmp_path / "out") == {"coef_": np.eye(3)[:, 1:].tobytes(), "n_iter_.0": np.ones(1).tobytes()}
    assert {note.path for note in done.left} == {"", "classes_"}


def test_numpy_files(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", **ARRAYS)
    convert(tmp_path / "m.npz", tmp_path / "out")
    assert _as_bytes(tmp_path / "out") == _honest_bytes()
    np.savez_compressed(tmp_path / "m.npz", **ARRAYS)
    convert(tmp_path / "m.npz", tmp_path / "out", replace=True)
    assert _as_bytes(tmp_path / "out") == _honest_bytes()
    np.save(tmp_path / "m.npy", ARRAYS["fortran"])
    convert(tmp_path / "m.npy", tmp_path / "out", replace=True)
    assert _as_bytes(tmp_path / "out") == {"tensor": _honest_bytes()["fortran"]}


def test_tensors_that_torch_save_did_not_write(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(pickle.dumps(weights()))
    found = taken(tmp_path / "m")
    assert all(same(found[name], value) for name, value in weights().items())


def test_initialisers_of_onnx(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    arrays = {"w": np.arange(6, dtype="f4").reshape(2, 3), "i": np.array([-1, 2], dtype="i8"), "b": np.array([True])}
    made = [numpy_helper.from_array(value, name) for name, value in arrays.items()]
    made += [
        helper.make_tensor("listed", TensorProto.FLOAT, [2], [1.5, -2.0]),
        helper.make_tensor("longs", TensorProto.INT64, [2], [-1, 1 << 40]),
        helper.make_tensor("half", TensorProto.FLOAT16, [2], [1.0, -2.0]),
        helper.make_tensor("bytes", TensorProto.INT8, [2], [-1, 2]),
        helper.make_tensor("doubles", TensorProto.DOUBLE, [1], [0.1]),
        helper.make_tensor("text", TensorProto.STRING, [1], [b"x"]),
    ]
    onnx.save(helper.make_model(helper.make_graph([], "g", [], [], initializer=made)), tmp_path / "m.onnx")
    done = convert(tmp_path / "m.onnx", tmp_path / "out")
    expected = {t.name: numpy_helper.to_array(t).tobytes() for t in made if t.name != "text"}
    assert _as_bytes(tmp_path / "out") == expected
    assert [note.path for note in done.left] == ["text"]


def test_data_sets_of_hdf5(tmp_path: Path) -> None:
    from corpus import hdf5 as samples
    from corpus.hdf5_writer import BYTE, FLOAT, Maker, compact, hard, shape, text

    (tmp_path / "m.h5").write_bytes(samples.plain_weights())
    done = convert(tmp_path / "m.h5", tmp_path / "out")
    assert list(_as_bytes(tmp_path / "out").values()) == [samples.WEIGHTS]
    assert list(done.tensors.values()) == [("F32", (2, 3))]
    maker = Maker()
    double = bytes((0x11, 0x21, 0x3F, 0)) + (8).to_bytes(4, "little") + bytes((0, 0, 64, 0, 52, 11, 0, 52)) + bytes(4)
    brain = bytes((0x11, 0x20, 15, 0)) + (2).to_bytes(4, "little") + bytes((0, 0, 16, 0, 7, 8, 0, 7)) + bytes(4)
    odd = FLOAT[:8] + bytes((0, 0, 32, 0, 20, 11, 0, 20)) + bytes(4)
    group = maker.group(
        hard("big", maker.data(np.arange(3, dtype=">f8").tobytes(), double, 3)), text("name", b"dense"),
        hard("brain", maker.data(b"abcd", brain, 2)), hard("odd", maker.data(bytes(8), odd, 2)),
        hard("bytes", maker.data_set(compact(b"xyz"), BYTE, shape(3))),
    )  # fmt: skip
    with zipfile.ZipFile(tmp_path / "m.keras", "w") as keras:
        keras.writestr("config.json", "{}")
        keras.writestr("model.weights.h5", maker.done(maker.group(hard("layers", group))))
    done = convert(tmp_path / "m.keras", tmp_path / "out", replace=True)
    assert {k: v[0] for k, v in done.tensors.items()} == {
        "layers/big": "F64", "layers/brain": "BF16", "layers/bytes": "U8"
    }  # fmt: skip
    assert load_file(tmp_path / "out")["layers/big"].tolist() == [0.0, 1.0, 2.0]
    assert [note.path for note in done.left] == ["layers/odd"]


def test_a_chunk_of_hdf5_and_data_that_lie_elsewhere(tmp_path: Path) -> None:
    from corpus import hdf5 as samples

    (tmp_path / "m.h5").write_bytes(samples.one_chunk())
    convert(tmp_path / "m.h5", tmp_path / "out")
    assert _as_bytes(tmp_path / "out") == {"kernel": samples.WEIGHTS}
    for elsewhere in (samples.external_data, samples.virtual_data):
        (tmp_path / "m.h5").write_bytes(elsewhere())
        with pytest.raises(UnsupportedError, match="lie in another file"):
            convert(tmp_path / "m.h5", tmp_path / "none")


def test_a_source_that_changes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hauberk.artifact.weights import write

    torch.save(weights(), tmp_path / "m.pt")
    whole = write.write

    def grows(*arguments: Any, **settings: Any) -> Any:
        with (tmp_path / "m.pt").open("ab") as f:
            f.write(b"more")
        return whole(*arguments, **settings)

    monkeypatch.setattr(write, "write", grows)
    with pytest.raises(InputError, match="changed while it was read"):
        convert(tmp_path / "m.pt", tmp_path / "out")
    assert not (tmp_path / "out").exists()


SEEDS = [saved(weights(), True), saved(weights(), False), pickle.dumps(ARRAYS, 5)]


@given(
    seed=st.sampled_from(SEEDS), at=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=4),
    byte=st.integers(0, 255), cut=st.booleans(),
)  # fmt: skip
@settings(max_examples=200, deadline=None, derandomize=True)
def test_damage_is_an_error_or_a_file_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, seed: bytes, at: list[float], byte: int, cut: bool
) -> None:
    content = bytearray(seed)
    for place in at:
        content[int(place * len(content))] = byte
    folder = tmp_path_factory.mktemp("damage")
    (folder / "m").write_bytes(content[: int(at[0] * len(content))] if cut else content)
    try:
        convert(folder / "m", folder / "out", Limits(max_opcodes=100_000))
    except HauberkError:
        assert not (folder / "out").exists()
    else:
        load_file(folder / "out")
