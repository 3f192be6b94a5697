"""Containers and formats: each named for its flaw, each with a near miss that stays quiet."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corpus.torch import TENSOR
from corpus.trees import MODEL, as_ubj
from hauberk.artifact.scan import Scanned, scan
from hauberk.core.canon import canonical
from hauberk.core.codec import encode
from hauberk.core.limits import Limits
from hauberk.core.nouns import Verdict

Scanner = Callable[..., Scanned]


class Evil:
    def __reduce__(self) -> object:
        return os.system, ("id",)


EVIL = pickle.dumps(Evil(), 2)
HONEST = pickle.dumps({"a": 1}, 2)


def rules(seen: Scanned) -> set[str]:
    return {f.rule for f in seen.findings}


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_pickle_in_a_zip(scanned: Scanner, method: int) -> None:
    assert scanned(zipped({"m.txt": HONEST}, method)).verdict is Verdict.HELD
    assert "artifact.pickle.call" in rules(scanned(zipped({"m.txt": EVIL}, method)))


def test_torch_checkpoint_with_a_payload(scanned: Scanner) -> None:
    """CVE-2025-32434 and older: torch.load of a crafted data.pkl."""
    seen = scanned(zipped({"m/data.pkl": EVIL, "m/version": b"3\n", "m/data/0": b"\0" * 8}))
    assert rules(seen) == {"artifact.pickle.call"}
    assert seen.findings[0].place.path == "m/data.pkl"


def test_torch_payload_under_another_name(scanned: Scanner) -> None:
    """A second pickle in the archive, under a name that no scanner lists."""
    seen = scanned(zipped({"m/data.pkl": HONEST, "m/extra.bin": EVIL}))
    assert rules(seen) == {"artifact.pickle.call"}


def test_a_pickle_in_the_place_of_a_storage(scanned: Scanner) -> None:
    """Raw numbers to torch, a program to whoever unpacks the archive."""
    seen = scanned(zipped({"m/data.pkl": HONEST, "m/data/0": EVIL}))
    assert rules(seen) == {"artifact.pickle.call"}
    assert scanned(zipped({"m/data.pkl": TENSOR, "m/data/0": b"\x80\x04" + b"\0" * 30})).verdict is Verdict.HELD
    assert scanned(zipped({"m/data.pkl": HONEST, "m/data/0": b"\x99\x04" + b"\xff" * 30})).verdict is not Verdict.HELD


def test_bytes_behind_a_compressed_stream(scanned: Scanner) -> None:
    """One reader stops at the end of the stream, another goes on."""
    assert rules(scanned(zlib.compress(HONEST) + b"\0\0")) == set()
    assert "artifact.compressed.trailing" in rules(scanned(zlib.compress(HONEST) + b"tail of something"))
    assert "artifact.pickle.call" in rules(scanned(zlib.compress(HONEST) + EVIL))


def test_torch_legacy_with_a_payload(scanned: Scanner) -> None:
    torch_magic, protocol = pickle.dumps(0x1950A86A20F9469CFC6C, 2), pickle.dumps(1001, 2)
    tail = pickle.dumps([], 2) + b"\0" * 16
    honest = torch_magic + protocol + pickle.dumps({"little_endian": True}, 2) + HONEST + tail
    assert scanned(honest).verdict is Verdict.HELD
    evil = torch_magic + protocol + pickle.dumps({"little_endian": True}, 2) + EVIL + tail
    assert rules(scanned(evil)) == {"artifact.pickle.call"}


def test_local_header_of_another_name(scanned: Scanner) -> None:
    """CVE-2025-1944 (picklescan): zipfile and torch read different names."""
    data = zipped({"m/data.pkl": HONEST})
    assert scanned(data).verdict is Verdict.HELD
    assert "artifact.archive.mismatch" in rules(scanned(data.replace(b"m/data.pkl", b"m/data.txt", 1)))


@pytest.mark.parametrize(
    ("offset", "what"), [(6, "flags"), (8, "compression"), (14, "checksum"), (18, "size"), (22, "size")]
)
def test_local_header_of_other_fields(scanned: Scanner, offset: int, what: str) -> None:
    """CVE-2025-1945 (picklescan): flag bits that stop one reader and not the other."""
    data = bytearray(zipped({"a": HONEST}))
    data[offset] ^= 1
    seen = scanned(bytes(data))
    found = [f for f in seen.findings if f.rule == "artifact.archive.mismatch"]
    assert found
    assert what in found[0].message


def test_a_member_that_the_directory_does_not_list(scanned: Scanner) -> None:
    """Bytes between members: readers that scan for local headers see them."""
    hidden, shown = zipped({"m/data.pkl": EVIL}), zipped({"a": HONEST})
    local = hidden[: hidden.index(b"PK\x01\x02")]
    end = shown.index(b"PK\x01\x02")
    body = shown[:end] + local + shown[end:-6] + struct.pack("<I", end + len(local)) + b"\0\0"
    assert "artifact.archive.hidden" in rules(scanned(body))


def test_bytes_between_two_members(scanned: Scanner) -> None:
    """A local entry that no directory lists, in the middle."""
    first, second = zipped({"a": HONEST}), zipped({"a": HONEST, "b": HONEST})
    at, gap = first.index(b"PK\x01\x02"), b"PK\x03\x04 hidden"
    body = bytearray(second[:at] + gap + second[at:])
    entry = body.index(b"PK\x01\x02", body.index(b"PK\x01\x02") + 1)
    body[entry + 42 : entry + 46] = struct.pack("<I", at + len(gap))
    body[-6:-2] = struct.pack("<I", struct.unpack("<I", body[-6:-2])[0] + len(gap))
    seen = scanned(bytes(body))
    assert rules(seen) == {"artifact.archive.hidden", "artifact.zip.broken"}, "what is hidden is walked as well"
    assert seen.findings[0].place.part == f"byte {at}"


def test_bytes_before_the_archive(scanned: Scanner) -> None:
    """A pickle in front of a zip: pickle.load reads the one, zipfile the other."""
    seen = scanned(EVIL + zipped({"a": HONEST}))
    assert rules(seen) & {"artifact.archive.hidden", "artifact.pickle.call", "artifact.zip.broken"}
    assert seen.verdict is Verdict.BROKEN


def test_duplicate_names(scanned: Scanner) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", HONEST)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a", HONEST)
    assert "artifact.archive.duplicate" in rules(scanned(buffer.getvalue()))


@pytest.mark.parametrize("name", ["../a", "/a", "a/../../b", "C:\\a", "..\\a"])
def test_escaping_names(scanned: Scanner, name: str) -> None:
    """CWE-22, zip slip."""
    assert "artifact.archive.escape" in rules(scanned(zipped({name: HONEST})))


def test_encrypted_members_are_not_clean(scanned: Scanner) -> None:
    data = bytearray(zipped({"a": HONEST}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    seen = scanned(bytes(data))
    assert "artifact.archive.encrypted" in rules(seen)
    assert seen.skipped


def test_wrong_checksum(scanned: Scanner) -> None:
    """CVE-2025-10156 (picklescan): a bad CRC made zipfile stop, torch went on."""
    data = zipped({"a": HONEST})
    assert "artifact.zip.broken" in rules(scanned(data.replace(HONEST, HONEST[:-3] + b"K\x02.")))


def test_a_bomb_is_a_skip(scanned: Scanner) -> None:
    bomb = zipped({"a": b"\0" * (80 << 20)}, zipfile.ZIP_DEFLATED)
    assert scanned(bomb).verdict is Verdict.INCONCLUSIVE
    assert scanned(zlib.compress(b"\0" * (80 << 20))).verdict is Verdict.INCONCLUSIVE


def test_a_zip_in_a_zip(scanned: Scanner) -> None:
    data = EVIL
    for depth in range(5):
        data = zipped({f"{depth}.bin": data})
    seen = scanned(data)
    assert rules(seen) == {"artifact.pickle.call"}
    assert seen.findings[0].place.path == "4.bin!3.bin!2.bin!1.bin!0.bin"
    assert scanned(data, limits=Limits(max_depth=3)).verdict is Verdict.INCONCLUSIVE


def test_too_many_members_is_a_skip(scanned: Scanner) -> None:
    data = zipped({str(i): HONEST for i in range(20)})
    assert scanned(data, limits=Limits(max_members=10)).verdict is Verdict.INCONCLUSIVE


def test_bytes_behind_the_archive(scanned: Scanner) -> None:
    """A second end record: one reader takes the last, another the one whose comment fits."""
    data = zipped({"a": HONEST})
    assert "artifact.archive.hidden" in rules(scanned(data + b"x" * 30))
    comment = zipped({"b": EVIL})
    joined = data[:-2] + struct.pack("<H", len(comment)) + comment
    assert scanned(joined).verdict is Verdict.BROKEN
    harmless = data[:-2] + struct.pack("<H", 5) + b"hello"
    assert scanned(harmless).verdict is Verdict.HELD


def test_opcodes_in_a_tensor_are_no_polyglot(scanned: Scanner) -> None:
    """Near miss: the zeros of the header's length are no opcodes, so an unpickler never gets to the tensor."""
    payload = b"0cos\nsystem\n(S'id'\ntR."
    header = json.dumps({"a": {"dtype": "U8", "shape": [len(payload)], "data_offsets": [0, len(payload)]}}).encode()
    seen = scanned(struct.pack("<Q", 0x58) + header.ljust(0x58) + payload)
    assert seen.verdict is Verdict.HELD
    assert seen.formats[""] == "safetensors"


def test_an_npy_or_json_polyglot_is_told(scanned: Scanner) -> None:
    """LightGBM text, JSON and arrays never begin with a byte that starts a pickle; ONNX and tar may."""
    name = b"c" + b"os\nsystem\n(S'id'\ntR."
    info = tarfile.TarInfo(name.decode())
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info.size = len(HONEST)
        tar.addfile(info, io.BytesIO(HONEST))
    assert {"artifact.polyglot", "artifact.pickle.call"} <= rules(scanned(buffer.getvalue()))


def test_text_that_looks_like_opcodes_stays_text(scanned: Scanner) -> None:
    """Near misses: prose and lists of labels are not pickles."""
    prose = (b"Python is fine\nreally\n", b"cat\ndog\nbird\n", b"Q\n", b"(((((", b"class\nname\n", b"import tax\n-\n")
    for data in prose:
        seen = scanned(data)
        assert (seen.verdict, dict(seen.formats)) == (Verdict.HELD, {"": "text"}), data


def test_truncated_zip(scanned: Scanner) -> None:
    assert "artifact.zip.broken" in rules(scanned(zipped({"a": HONEST})[:-30]))


def test_tar(scanned: Scanner) -> None:
    def archive(*members: tuple[str, bytes, bytes]) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            for name, kind, content in members:
                info = tarfile.TarInfo(name)
                info.type, info.size, info.linkname = kind, len(content), "/etc/passwd"
                tar.addfile(info, io.BytesIO(content))
        return buffer.getvalue()

    assert scanned(archive(("a", tarfile.REGTYPE, HONEST))).verdict is Verdict.HELD
    assert rules(scanned(archive(("a", tarfile.REGTYPE, EVIL)))) == {"artifact.pickle.call"}
    assert rules(scanned(archive(("a", tarfile.SYMTYPE, b"")))) == {"artifact.archive.link"}
    assert rules(scanned(archive(("a", tarfile.CHRTYPE, b"")))) == {"artifact.archive.link"}
    assert rules(scanned(archive(("../a", tarfile.REGTYPE, HONEST)))) == {"artifact.archive.escape"}


def tensors(header: object, body: bytes = b"\0" * 8, *, size: int | None = None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if size is None else size) + raw + body


GOOD = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}


@pytest.mark.parametrize(
    "data",
    [
        tensors({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 12]}}, b"\0" * 12),
        tensors({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}),
        tensors({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}),
        tensors({**GOOD, "b": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}),
        tensors({"a": {"dtype": "F99", "shape": [2], "data_offsets": [0, 8]}}),
        tensors({"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, -8]}}),
        tensors({**GOOD, "__metadata__": {"x": 1}}),
        tensors(b'{"a": 1, "a": 2}'),
        tensors(b'{"a": NaN}'),
        tensors(GOOD, size=1 << 30),
        tensors(GOOD, b""),
        tensors(b"{" + b"[" * 50_000),
    ],
)
def test_safetensors_header_lies(scanned: Scanner, data: bytes) -> None:
    assert scanned(tensors({**GOOD, "__metadata__": {"x": "1"}})).verdict is Verdict.HELD
    assert rules(scanned(data)) == {"artifact.safetensors.broken"}


def npy(header: str, body: bytes) -> bytes:
    raw = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(raw)) + raw + body


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}", b"\0" * 8),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (-2,)}", b"\0" * 8),
        ("{'descr': 'os.system', 'fortran_order': False, 'shape': (2,)}", b""),
        ("__import__('os')", b""),
        ("{'descr': '<f8'}", b""),
        ("(" * 5000, b""),
    ],
)
def test_npy_header_lies(scanned: Scanner, header: str, body: bytes) -> None:
    assert "artifact.npy.broken" in rules(scanned(npy(header, body)))


def test_npy_trailing(scanned: Scanner) -> None:
    good = "{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}"
    assert scanned(npy(good, b"\0" * 8)).verdict is Verdict.HELD
    assert rules(scanned(npy(good, b"\0" * 9))) == {"artifact.npy.trailing"}


def field(number: int, content: bytes) -> bytes:
    size, head = len(content), bytearray([number << 3 & 0x7F | 2 | (0x80 if number > 15 else 0)])
    if number > 15:
        head.append(number >> 4)
    while True:
        head.append(size & 0x7F | (0x80 if size > 0x7F else 0))
        size >>= 7
        if not size:
            return bytes(head) + content


def onnx(*nodes: bytes, tensor: bytes = b"", functions: bytes = b"") -> bytes:
    graph = b"".join(field(1, n) for n in nodes) + (field(5, tensor) if tensor else b"")
    return b"\x08\x08" + field(2, b"test") + field(7, graph) + functions


def external(location: str) -> bytes:
    return onnx(tensor=field(8, b"w") + field(13, field(1, b"location") + field(2, location.encode())))


@pytest.mark.parametrize("location", ["../../etc/passwd", "/etc/passwd", "C:\\x", "a/../../b", ""])
def test_onnx_external_data_outside(scanned: Scanner, location: str) -> None:
    """CVE-2024-27318, CVE-2022-25882."""
    assert rules(scanned(external(location))) == {"artifact.onnx.escape"}


def test_onnx_external_data_that_the_digest_does_not_cover(scanned: Scanner, tmp_path: Path) -> None:
    assert rules(scanned(external("w.data"))) == {"artifact.onnx.external"}
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "m.onnx").write_bytes(external("w.data"))
    (folder / "w.data").write_bytes(HONEST)
    assert rules(scan(folder)) == set()


def test_onnx_external_data_in_an_attribute_of_a_subgraph(scanned: Scanner) -> None:
    """Tensors hide in attributes, and those in graphs of attributes."""
    tensor = field(13, field(1, b"location") + field(2, b"../x"))
    node = field(4, b"Constant") + field(5, field(1, b"value") + field(5, tensor))
    branch = field(4, b"If") + field(5, field(1, b"then_branch") + field(6, field(1, node)))
    assert rules(scanned(onnx(branch))) == {"artifact.onnx.escape"}


def test_onnx_custom_operators(scanned: Scanner) -> None:
    custom = field(4, b"PyOp") + field(7, b"ai.onnx.contrib")
    assert rules(scanned(onnx(custom))) == {"artifact.onnx.domain"}
    own = field(25, field(1, b"PyOp") + field(10, b"ai.onnx.contrib") + field(7, field(4, b"Relu")))
    assert scanned(onnx(custom, functions=own)).verdict is Verdict.HELD


def test_onnx_truncated(scanned: Scanner) -> None:
    data = onnx(field(4, b"Relu") + field(1, b"x" * 300))
    assert scanned(data).verdict is Verdict.HELD
    assert rules(scanned(data[:-50])) == {"artifact.onnx.broken"}


def test_torchscript_code(scanned: Scanner) -> None:
    """aten::save and from_file reach files from TorchScript, whatever the unpickler allows."""

    def model(code: bytes) -> bytes:
        return zipped({"m/data.pkl": HONEST, "m/constants.pkl": pickle.dumps((), 2), "m/code/__torch__.py": code})

    assert scanned(model(b"def forward(self, x: Tensor) -> Tensor:\n  return torch.relu(x)\n")).verdict is Verdict.HELD
    for code in (b"torch.save(x, 'f')", b"torch.from_file('f')", b"t = torch\nt.add(x)", b"ops.custom.run(x)",
                 b"torch . \\\n  save(x)", b"ops.aten.save(x)"):  # fmt: skip
        assert rules(scanned(model(code))) == {"artifact.torchscript.code"}, code


def test_exported_program_expressions(scanned: Scanner) -> None:
    """sympy.sympify evaluates what stands in expr_str."""

    def model(expression: str, target: str = "torch.ops.aten.relu.default") -> bytes:
        program = json.dumps({"a": {"expr_str": expression}, "nodes": [{"target": target}]}).encode()
        return zipped({"m/archive_format": b"pt2", "m/models/model.json": program})

    assert scanned(model("2*s0 + Max(1, u3)")).verdict is Verdict.HELD
    bad = "__import__('os').system('id')"
    assert rules(scanned(model(bad))) == {"artifact.torchscript.expression"}
    assert rules(scanned(model("s0", "torch.ops.mine.run.default"))) == {"artifact.torchscript.code"}
    assert rules(scanned(model("s0", "os.system"))) == {"artifact.torchscript.code"}


def test_skops_classes_and_loaders(scanned: Scanner) -> None:
    """CVE-2025-54412, CVE-2025-54413: nodes whose loader finds functions."""

    def model(module: str, name: str, loader: str) -> bytes:
        node = {"__module__": module, "__class__": name, "__loader__": loader, "content": {}}
        return zipped({"schema.json": json.dumps(node).encode()})

    assert scanned(model("sklearn.svm._classes", "SVC", "ObjectNode")).verdict is Verdict.HELD
    assert rules(scanned(model("os", "system", "FunctionNode"))) == {"artifact.skops.call"}
    assert rules(scanned(model("mylib", "Thing", "ObjectNode"))) == {"artifact.skops.unknown"}
    assert rules(scanned(model("sklearn.svm._classes", "SVC", "OperatorFuncNode"))) == {"artifact.skops.unknown"}


def test_keras_lambda(scanned: Scanner) -> None:
    """CVE-2024-3660, CVE-2025-1550."""

    def model(layer: dict[str, object]) -> bytes:
        return zipped({"metadata.json": b"{}", "config.json": json.dumps({"config": {"layers": [layer]}}).encode()})

    assert not rules(scanned(model({"class_name": "Dense", "module": "keras.layers"})))
    assert rules(scanned(model({"class_name": "Lambda", "module": "keras.layers"}))) == {"artifact.keras.lambda"}
    assert rules(scanned(model({"class_name": "run", "module": "os"}))) == {"artifact.keras.call"}
    assert rules(scanned(model({"class_name": "Thing", "module": "lib"}))) == {"artifact.keras.unknown"}


def test_configuration_with_remote_code(scanned: Scanner) -> None:
    config = {"auto_map": {"AutoModel": "modeling.Model"}}
    assert rules(scanned(json.dumps(config).encode())) == {"artifact.config.remote"}


@pytest.mark.parametrize("head", [b"\x7fELF", b"MZ\x90", b"#!/bin/sh\n", b"\xcf\xfa\xed\xfe"])
def test_executables(scanned: Scanner, head: bytes) -> None:
    assert rules(scanned(head + b"\0" * 100)) == {"artifact.executable"}


@pytest.mark.parametrize("data", [b"", b"\x00\x01\x02" * 9])
def test_unread_formats_are_never_a_pass(scanned: Scanner, data: bytes) -> None:
    assert scanned(data).verdict is Verdict.INCONCLUSIVE


def test_xgboost_and_lightgbm_truncated(scanned: Scanner) -> None:
    whole = as_ubj(MODEL)
    assert scanned(whole).verdict is Verdict.HELD
    assert rules(scanned(whole[:-1])) == {"artifact.xgboost.broken"}
    assert rules(scanned(whole + b"x")) == {"artifact.xgboost.broken"}
    assert rules(scanned(b'{"learner": ')) == {"artifact.xgboost.broken"}
    assert rules(scanned(b"tree\nversion=v4\nnum_class=1\n")) == {"artifact.lightgbm.broken"}


HOSTILE_TEXT = "\ud800\u202e\x00\x1b[31m\n"


def test_hostile_text_stays_fit_for_evidence(scanned: Scanner) -> None:
    """Names with lone surrogates, terminal escapes and zero bytes become escapes in messages and tables."""
    raw = HOSTILE_TEXT.encode("utf-8", "surrogatepass")
    name = b"X" + struct.pack("<I", len(raw)) + raw
    pickled = b"\x80\x04" + name + name + b"\x93" + name + b"\x85R" + b"}" + name + b"Nsb."
    schema = json.dumps({"__module__": HOSTILE_TEXT, "__class__": "x", "__loader__": HOSTILE_TEXT}).encode()
    for data in (pickled, zipped({"schema.json": schema}), zipped({"a\x1b[31m": EVIL}), external("\x1b[31m/../x")):
        seen = scanned(data)
        assert seen.findings
        shown = [str(f.place) + f.message + f.remedy for f in seen.findings] + [row.name for row in seen.globals]
        assert all(text.isprintable() for text in shown), shown
        canonical([encode(seen.findings), dict(seen.formats), shown])


SEEDS = [
    EVIL,
    pickle.dumps({"a": [1, (2, "x")], "b": EVIL}, 4),
    b"(dp0\nS'a'\nI1\nscos\nsystem\n(S'id'\ntR.",
    zipped({"m/data.pkl": EVIL, "m/data/0": b"\0" * 32}),
    zipped({"a": HONEST, "b.npy": npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}", b"\0" * 8)}, 8),
    tensors(GOOD),
    external("w.data"),
    zlib.compress(EVIL),
    b"{L" + struct.pack(">q", 7) + b"learner{}}",
    b"tree\nversion=v4\nend of trees\n",
]


@settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=6), st.integers(0, 6)), max_size=5),
)
def test_mutations_never_crash_and_never_hang(
    tmp_path_factory: pytest.TempPathFactory, seed: bytes, edits: list[tuple[int, bytes, int]]
) -> None:
    """Whatever the bytes: a Scanned, with a verdict that is a pass only when nothing was wrong."""
    data = bytearray(seed)
    for at, piece, cut in edits:
        at %= len(data) + 1
        data[at : at + cut] = piece
    path = tmp_path_factory.mktemp("fuzz") / "x"
    path.write_bytes(bytes(data))
    seen = scan(path, Limits(max_opcodes=100_000))
    assert seen.manifest.size == len(data)
    canonical([encode(seen.findings), encode(seen.skipped), dict(seen.formats), [row.name for row in seen.globals]])
    assert (seen.verdict is Verdict.HELD) == (not seen.findings and not seen.skipped)


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    st.binary(max_size=300), st.sampled_from([b"", b"\x80\x04", b"PK\x03\x04", b"\x93NUMPY\x01\x00", b"\x08\x08\x12"])
)
def test_noise_never_crashes(tmp_path_factory: pytest.TempPathFactory, noise: bytes, head: bytes) -> None:
    path = tmp_path_factory.mktemp("noise") / "x"
    path.write_bytes(head + noise)
    scan(path, Limits(max_opcodes=100_000))
