"""Torch files: checkpoints, TorchScript, exported programs and the old forms, each with something in it that runs."""

from __future__ import annotations

import io
import json
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from typing import Any

from corpus import Sample, add

EVIL = b"cposix\nsystem\n(S'id'\ntR."
EVIL_2 = b"\x80\x02" + EVIL
TENSOR = (
    b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0"
    b"0X\x03\0\0\0cpuK\x02tQK\0K\x02\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR."
)
"""data.pkl of one tensor of two numbers."""
MAGIC = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
LEGACY = MAGIC + pickle.dumps(1001, 2) + pickle.dumps({"protocol_version": 1001, "little_endian": True}, 2)


def zipped(members: dict[str, bytes], root: str = "m/", method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(root + name, content)
    return buffer.getvalue()


def checkpoint(program: bytes, **more: bytes) -> bytes:
    named = {name.replace("__", "/"): content for name, content in more.items()}
    return zipped({"data.pkl": program, "version": b"3\n", "byteorder": b"little", "data/0": b"\0" * 8} | named)


def scripted(body: str, **more: bytes) -> bytes:
    members = {"code/__torch__.py": body.encode(), "constants.pkl": pickle.dumps((), 2), "version": b"3\n"}
    return zipped({"data.pkl": pickle.dumps(1, 2)} | members | {n.replace("__", "/"): c for n, c in more.items()})


def exported(program: object, **more: bytes) -> bytes:
    members = {"archive_format": b"pt2", "models/model.json": json.dumps(program).encode()}
    return zipped(members | {name.replace("__", "/"): content for name, content in more.items()})


def tarred(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def nested_zip(program: bytes) -> bytes:
    """A plain pickle that gives torch a file of its own."""
    raw = checkpoint(program)
    return b"\x80\x02ctorch.storage\n_load_from_bytes\nB" + struct.pack("<I", len(raw)) + raw + b"\x85R."


READ = 'torch.from_file("/etc/passwd", False, 4)'
STORAGE = b"X\x07\0\0\0storage"
BAD: tuple[tuple[str, str, bytes], ...] = (
    ("data_pkl", "the program of a checkpoint", checkpoint(EVIL_2)),
    ("data_pkl_of_protocol_0", "and of the oldest protocol", checkpoint(EVIL)),
    (
        "behind_the_tensors",
        "CVE-2025-32434's setting: a state dict, and a call behind it",
        checkpoint(TENSOR[:-1] + b"0" + EVIL),
    ),
    ("deflated", "compressed members", zipped({"data.pkl": EVIL_2, "version": b"3\n"}, method=zipfile.ZIP_DEFLATED)),
    ("no_root", "without a folder", zipped({"data.pkl": EVIL_2}, root="")),
    ("other_pickle", "another .pkl beside it", checkpoint(TENSOR, extra__x=b"", constants__x=b"", evil=EVIL_2)),
    ("extra_file", "an extra file that a program reads back", checkpoint(TENSOR, extra__hook=EVIL_2)),
    ("pickle_in_a_storage", "a storage that is a pickle", checkpoint(TENSOR, data__1=EVIL_2)),
    (
        "capital_name",
        "torch finds members whatever their case",
        zipped({"data.pkl": TENSOR, "DATA.PKL": EVIL_2, "version": b"3\n"}),
    ),
    (
        "storage_type_of_nobody",
        "the type of a storage is a name that is imported",
        checkpoint(TENSOR.replace(b"ctorch\nFloatStorage", b"cevil\nFloatStorage")),
    ),
    ("persistent_text", "a persistent id that is no storage", checkpoint(b"\x80\x02X\x02\0\0\0osQ.")),
    (
        "persistent_container",
        "a module's class by persistent id, with a source to compare",
        checkpoint(b"\x80\x02(X\x06\0\0\0modulecevil\nNet\nX\x04\0\0\0a.pyX\x01\0\0\0xtQ)\x81."),
    ),
    (
        "loader_kept_through_an_id",
        "a loader that a persistent id gives back and a model keeps",
        checkpoint(b"\x80\x02}X\x01\0\0\0f(X\x06\0\0\0modulectorch.storage\n_load_from_bytes\nX\0\0\0\0X\0\0\0\0tQs."),
    ),
    (
        "rebuild_from_type",
        "rebuilds a tensor by the function that it is given",
        checkpoint(
            b"\x80\x02ctorch._tensor\n_rebuild_from_type_v2\n(cposix\nsystem\nctorch\nTensor\n(X\x02\0\0\0idtNtR."
        ),
    ),
    (
        "graph_module",
        "torch.fx runs the source of a graph",
        checkpoint(
            b"\x80\x02ctorch.fx.graph_module\nreduce_graph_module\n}X\x05\0\0\0_codeX\x08\0\0\0import ossN\x86R."
        ),
    ),
    (
        "script_object",
        "an object of any class registered in C++",
        checkpoint(b"\x80\x02ctorch\nScriptObject\n)\x81NX\x20\0\0\0__torch__.torch.classes.evil.Thingy\x86b."),
    ),
    (
        "attributes_of_a_parameter",
        "a parameter's attributes are set with setattr",
        checkpoint(
            TENSOR[:2]
            + b"ctorch._utils\n_rebuild_parameter_with_state\n("
            + TENSOR[2:-1]
            + b"\x89N}X\x09\0\0\0__class__cevil\nX\nstR."
        ),
    ),
    ("whole_module", "torch.save of a whole module of the author's", checkpoint(b"\x80\x02cmymodel\nNet\n)\x81}b.")),
    ("script_reads_a_file", "an operator that reads files", scripted(f"def f(x):\n  return {READ}\n")),
    ("script_saves", "an operator that writes files", scripted("x = torch.save(y, 'f')\n")),
    (
        "script_behind_a_quote",
        "an operator between quotes that are none",
        scripted(f"y = torch.add(len('\\''), {READ}) # '"),
    ),
    ("script_custom_operator", "an operator of a library", scripted("x = ops.evil.run(y)\n")),
    (
        "script_constants",
        "constants that are a program",
        scripted("x = 1\n", constants__x=b"", **{"constants.pkl": EVIL_2}),
    ),
    ("script_debug", "a debug table that is a program", scripted("x = 1\n", **{"code__a.py.debug_pkl": EVIL_2})),
    (
        "package",
        "torch.package: Python that the importer runs",
        zipped(
            {".data/extern_modules": b"os\n", ".data/version": b"1", "pkg/mod.py": b"import os", "m/data.pkl": EVIL_2}
        ),
    ),
    ("exported_target", "a target that is no operator", exported({"graph": [{"target": "torch.os.system"}]})),
    (
        "exported_expression",
        "a shape expression that sympy evaluates",
        exported({"expr_str": "__import__('os').system('id')"}),
    ),
    (
        "exported_import",
        "torch imports the module of an enum",
        exported({"in_spec": '[{"__enum__": true, "fqn": "evil.X"}]'}),
    ),
    ("exported_weight", "a weight that is a pickle", exported({}, data__weights__weight_0=EVIL)),
    ("legacy_object", "the fourth pickle of the old form", LEGACY + EVIL_2),
    ("legacy_magic", "picklescan: the magic number, then a program", MAGIC + EVIL_2),
    ("legacy_system", "the third pickle of the old form", MAGIC + pickle.dumps(1001, 2) + EVIL_2),
    ("legacy_keys", "the fifth pickle of the old form", LEGACY + pickle.dumps({}, 2) + EVIL_2),
    ("legacy_magic_before", "a program before the magic number", b"\x80\x02" + EVIL[:-1] + b"0" + MAGIC[2:]),
    (
        "tar",
        "torch before 0.1.10: a tar of pickles",
        tarred({"storages": pickle.dumps(0, 2), "tensors": pickle.dumps(0, 2), "pickle": EVIL_2}),
    ),
    (
        "tar_storages",
        "the same, in its table of storages",
        tarred({"storages": EVIL_2, "tensors": pickle.dumps(0, 2), "pickle": pickle.dumps({}, 2)}),
    ),
    ("in_a_plain_pickle", "a storage in a plain pickle is a torch file of its own", nested_zip(EVIL_2)),
    (
        "loads_bytes_that_are_none",
        "bytes that nobody can read, for torch to load",
        b"\x80\x02ctorch.storage\n_load_from_bytes\nC\x04evil\x85R.",
    ),
    (
        "loads_growing_bytes",
        "bytes that grow after they were looked at",
        b"\x80\x05ctorch.storage\n_load_from_bytes\n\x96\x04\0\0\0\0\0\0\0PK\x03\x04(K\x05K\x06e\x85R.",
    ),
    ("bytecode", "a mobile model's bytecode", checkpoint(TENSOR, **{"bytecode.pkl": EVIL_2})),
)
for _name, _why, _data in BAD:
    add(Sample(f"torch/{_name}", "torch", _why, "model.pt", "", lambda data=_data: data, dangerous=True))


def _honest(name: str, why: str, build: Callable[[], bytes], needs: str = "torch", file: str = "model.pt") -> None:
    add(Sample(f"torch/{name}", "torch", why, file, needs, build, dangerous=False))


def _saved(make: Callable[[Any], Any], **options: Any) -> Callable[[], bytes]:
    def build() -> bytes:
        import torch

        buffer = io.BytesIO()
        torch.save(make(torch), buffer, **options)
        return buffer.getvalue()

    return build


def _checkpoint(torch: Any) -> Any:
    net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    optimizer = torch.optim.Adam(net.parameters())
    net(torch.ones(3, 2)).sum().backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 2).state_dict()
    return {"model": net.state_dict(), "optimizer": optimizer.state_dict(), "schedule": schedule, "epoch": 3}


def _quantized(torch: Any) -> Any:
    return torch.quantize_per_channel(torch.zeros(3, 3), torch.ones(3), torch.zeros(3), 0, torch.quint8)


_honest("by_hand", "one tensor, written by the struct module", lambda: checkpoint(TENSOR), needs="")
_honest(
    "legacy_by_hand", "the old form with nothing in it", lambda: LEGACY + pickle.dumps({}, 2) + pickle.dumps([], 2), ""
)
_honest("checkpoint", "model, optimizer and scheduler", _saved(_checkpoint))
_honest("checkpoint_legacy", "the same in the old form", _saved(_checkpoint, _use_new_zipfile_serialization=False))
_honest("whole", "a whole module of torch's own layers", _saved(lambda t: t.nn.TransformerEncoderLayer(4, 2, 8)))
_honest("lstm", "a recurrent layer", _saved(lambda t: t.nn.LSTM(2, 2, num_layers=2)))
_honest("optimizer", "an optimizer, whole", _saved(lambda t: t.optim.SGD([t.zeros(2)], lr=0.1, momentum=0.9)))
_honest("quantized", "a quantised tensor", _saved(_quantized))
_honest("sparse", "a sparse tensor", _saved(lambda t: t.eye(3).to_sparse()))
_honest("halves", "half and bfloat16", _saved(lambda t: [t.zeros(2).half(), t.zeros(2).bfloat16()]))
_honest("protocol_5", "of protocol 5", _saved(lambda t: {"w": t.ones(2)}, pickle_protocol=5))
_honest("nested", "a tensor in a plain pickle", lambda: _nested(), file="model.pkl")


def _nested() -> bytes:
    import torch

    return pickle.dumps({"w": torch.ones(2)}, 4)
