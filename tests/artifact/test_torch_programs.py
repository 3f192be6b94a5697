"""Programs inside torch archives: what hides an operator, imports a module or is unpickled all the same."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Callable

import pytest

from hauberk.artifact.scan import Scanned
from hauberk.core.nouns import Verdict

Scanner = Callable[..., Scanned]
READ = 'torch.from_file("/etc/passwd", False, 4)'
EVIL = b"cposix\nsystem\n(S'id'\ntR."


def scripted(body: str) -> bytes:
    return zipped({"m/code/__torch__.py": body.encode(), "m/constants.pkl": pickle.dumps((), 2)})


def exported(program: object, **more: bytes) -> bytes:
    return zipped({"m/archive_format": b"pt2", "m/models/model.json": json.dumps(program).encode()} | {
        name.replace("__", "/"): content for name, content in more.items()
    })  # fmt: skip


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def refused(seen: Scanned, rule: str, mentions: str) -> None:
    assert seen.verdict is Verdict.BROKEN
    assert [f for f in seen.findings if f.rule == rule and mentions in f.message], seen.findings


@pytest.mark.parametrize(
    "body",
    [
        f"y = torch.add(len(''' ' '''), {READ}) # '",
        f'y = torch.add(len(""" " """), {READ}) # "',
        f"y = torch.add(len('a\\\nb'), {READ}) # '",
        f"y = 1 # '\ny = {READ} # '",
        f"y = torch.add(len('\\''), {READ}) # '",
    ],
)
def test_operator_between_quotes_that_are_none(scanned: Scanner, body: str) -> None:
    """The lexer knows three quotes, escaped newlines and comments; torch.jit.load read the file in each of these."""
    refused(scanned(scripted(body)), "artifact.torchscript.code", "torch.from_file")


@pytest.mark.parametrize("body", [f"raise_('{READ}')", f"raise_('''it's\n{READ}''')", f'raise_("it\'s {READ}")'])
def test_operator_named_in_a_text(scanned: Scanner, body: str) -> None:
    assert scanned(scripted(body)).verdict is Verdict.HELD


def test_warning_of_torch_itself(scanned: Scanner) -> None:
    """torch.nn.functional.softmax says it where no dimension is given."""
    assert scanned(scripted("torch.warn('Implicit dimension choice')")).verdict is Verdict.HELD


@pytest.mark.parametrize("name", ["prim.rpc_sync", "prim.PythonOp", "prim.IgnoredPythonOp", "aten.save"])
def test_operators_that_do_more_than_compute(scanned: Scanner, name: str) -> None:
    refused(scanned(scripted(f"y = ops.{name}(x)")), "artifact.torchscript.code", f"ops.{name}")


@pytest.mark.parametrize(
    ("key", "target"),
    [
        ("as_operator", "torch.ops.aten.from_file.default"),
        ("target", "_operator.methodcaller"),
        ("target", "torch.sym_max.__globals__"),
        ("target", "torch.ops.higher_order.call_torchbind"),
        ("target", "torch.ops.higher_order.aoti_call_delegate"),
    ],
)
def test_exported_operator_by_another_way(scanned: Scanner, key: str, target: str) -> None:
    refused(scanned(exported({"graph": [{key: target}]})), "artifact.torchscript.code", target)


@pytest.mark.parametrize("target", ["_operator.add", "math.sqrt", "torch.sym_max", "torch.ops.higher_order.cond"])
def test_exported_arithmetic(scanned: Scanner, target: str) -> None:
    assert scanned(exported({"graph": [{"target": target}]})).verdict is Verdict.HELD


@pytest.mark.parametrize(
    "spec", ['[1,{"context":"{\\"__enum__\\":true,\\"fqn\\":\\"antigravity:x\\"}"}]', '{"default_factory_module":"os"}']
)
def test_module_imported_for_an_enum(scanned: Scanner, spec: str) -> None:
    """torch.utils._pytree imports the module that an enum or a defaultdict among the inputs names."""
    refused(scanned(exported({"in_spec": spec})), "artifact.torchscript.import", "imports the module")


def test_program_under_a_name_in_capitals(scanned: Scanner) -> None:
    """torch finds members whatever their case, and may find either of two."""
    evil = json.dumps({"graph": [{"target": "torch.os.system"}]}).encode()
    seen = scanned(exported({}, m__MODELS__MODEL_JSON=evil).replace(b"MODEL_JSON", b"MODEL.JSON"))
    refused(seen, "artifact.torchscript.code", "torch.os.system")
    refused(seen, "artifact.archive.duplicate", "in case alone")


@pytest.mark.parametrize("name", ["weights/weight_0", "constants/tensor_0", "constants/opaque_obj_0"])
def test_tensor_that_is_an_old_pickle(scanned: Scanner, name: str) -> None:
    """torch.export.load unpickles what its configuration says to unpickle; protocol 0 has no mark at its head."""
    refused(scanned(exported({}, **{f"m__data__{name}": EVIL})), "artifact.pickle.call", "posix.system")


@pytest.mark.parametrize("raw", [b"\x80\x02\x33\x3f" * 4, b"PK\x33\x3f" * 4, b"\0" * 16])
def test_raw_tensor_that_begins_like_something_else(scanned: Scanner, raw: bytes) -> None:
    assert scanned(exported({}, m__data__weights__weight_0=raw)).verdict is Verdict.HELD


@pytest.mark.parametrize("protocol", range(6))
def test_tensors_in_a_plain_pickle(scanned: Scanner, protocol: int) -> None:
    """Each is a torch file of its own, in bytes."""
    torch = pytest.importorskip("torch")
    assert scanned(pickle.dumps({"a": torch.ones(3)}, protocol)).verdict is Verdict.HELD


def test_whole_module_in_the_form_of_old_torch(scanned: Scanner) -> None:
    """It names classes by persistent id, with their source beside them."""
    torch = pytest.importorskip("torch")
    buffer = io.BytesIO()
    torch.save(torch.nn.Linear(2, 2), buffer, _use_new_zipfile_serialization=False)
    assert scanned(buffer.getvalue()).verdict is Verdict.HELD
    evil = buffer.getvalue().replace(b"torch.nn.modules.linear\nLinear", b"torch.nn.modules.linear\nLonear")
    refused(scanned(evil), "artifact.pickle.unknown", "Lonear")
