# ruff: noqa: T201
"""Derive the packs of the graph formats from the libraries that own them: message layouts and known operators.

    python tools/derive_ops.py onnx         # one part at a time, where its libraries are installed
    python tools/derive_ops.py tensorflow tflite coreml paddle executorch

A layout (`packs/<format>_proto.json`, `packs/<format>_tables.json`) says which fields there are, so that what no
library would read is told. An operator gets into `packs/<format>_ops.json` when the library registers it and none of
REFUSED matches: those touch files, networks, Python or other processes. Read the difference before you commit it.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

PACKS = Path(__file__).parent.parent / "src" / "hauberk" / "artifact" / "packs"


def main(parts: list[str]) -> None:
    """Write the packs of the parts that are named."""
    for part in parts:
        PARTS[part]()


def write(name: str, about: str, content: dict[str, Any]) -> None:
    """A pack, one line an entry."""
    lines = [f"{json.dumps(key)}: {_value(value)}" for key, value in {"about": about, **content}.items()]
    (PACKS / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(name, (PACKS / f"{name}.json").stat().st_size)


def _value(value: Any) -> str:
    if not isinstance(value, dict):
        return json.dumps(value)
    return "{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(value.items())) + "\n}"


# protocol buffers: 'number name kind', kind: v varint, d 8 bytes, f 4 bytes, s text, b bytes, or a message;
# '*' repeated, '%' a map, '@name' a member of a oneof

SCALARS = {1: "d", 2: "f", 6: "d", 7: "f", 9: "s", 12: "b", 15: "f", 16: "d"}


def layout(roots: Iterable[Any], strip: str) -> dict[str, str]:
    """Every message that the roots reach, as text."""
    found: dict[str, str] = {}
    todo = list(roots)
    while todo:
        message = todo.pop()
        name = message.full_name.removeprefix(strip)
        if name not in found:
            found[name] = "; ".join(_field(field, strip) for field in message.fields)
            todo.extend(field.message_type for field in message.fields if field.message_type is not None)
    return found


def _field(field: Any, strip: str) -> str:
    message = field.message_type
    kind = message.full_name.removeprefix(strip) if message is not None else SCALARS.get(field.type, "v")
    repeated = field.is_repeated if hasattr(field, "is_repeated") else field.label == 3
    mark = ("%" if message is not None and message.GetOptions().map_entry else "*") if repeated else ""
    one = field.containing_oneof
    group = f"@{one.name}" if one is not None and len(one.fields) > 1 else ""
    return f"{field.number} {field.name} {kind}{mark}{group}"


def onnx() -> None:
    """ONNX's messages and operators, and those of ONNX Runtime's own domains."""
    import onnx
    from onnxruntime.capi import onnxruntime_pybind11_state as runtime

    about = f"Messages of onnx {onnx.__version__}; written by tools/derive_ops.py."
    roots = [onnx.ModelProto.DESCRIPTOR, onnx.TensorProto.DESCRIPTOR, onnx.SequenceProto.DESCRIPTOR]
    write("onnx_proto", about, layout(roots, "onnx."))
    schemas = [*onnx.defs.get_all_schemas_with_history(), *runtime.get_all_operator_schema()]
    known: dict[str, dict[str, int]] = defaultdict(dict)
    for schema in schemas:
        if schema.name not in ONNX_REFUSED:
            domain = known[schema.domain or "ai.onnx"]
            domain[schema.name] = min(schema.since_version, domain.get(schema.name, 1 << 30))
    about = (
        f"Operators of onnx {onnx.__version__} and onnxruntime {version('onnxruntime')} that compute, by domain, "
        "each with the opset that brought it; written by tools/derive_ops.py."
    )
    lines = {name: " ".join(f"{op}:{since}" for op, since in sorted(ops.items())) for name, ops in known.items()}
    write("onnx_ops", about, lines)


ONNX_REFUSED = frozenset(
    ("EPContext", "Snpe", "PythonOp", "PythonOpGrad", "ATen", "ExternalGradient", "Record", "Wait")
)
"""Compiled programs for a device, and operators that call Python or any operator of PyTorch by name."""


TF_REFUSED: dict[str, str] = {
    "reads files": "ReadFile|MatchingFiles|ImmutableConst|GenerateVocabRemapping|LoadAndRemapMatrix|RecordInput"
    "|Skipgram"
    "|(Experimental)?(MatchingFiles|TFRecord|TextLine|FixedLengthRecord|CSV|Sql|LMDB|Load)Dataset(V2)?"
    "|(WholeFile|TextLine|TFRecord|FixedLengthRecord|LMDB)Reader(V2)?|Snapshot.*Dataset.*|ListSnapshotChunksDataset"
    "|DTensorRestoreV2|RestoreSlice|FixedUnigramCandidateSampler",
    "writes files": "WriteFile|SaveDataset(V2)?|(Experimental)?DatasetToTFRecord|DumpTensor|CalibrationStatisticsSaver"
    "|CustomAggregator|CreateSummary(File|Db)Writer|ImportEvent|SaveSlices|DistributedSave|Write.*Summary|SummaryWriter"
    "|StatsAggregatorSetSummaryWriter|FileSystemSetConfiguration",
    "calls Python functions": "PyFunc|PyFuncStateless|EagerPyFunc",
    "sends what it sees to a file or an address": "DebugIdentity.*|DebugNanCount|DebugNumericSummary.*|Debug.*Url.*",
    "runs on or talks to other machines": "RemoteCall|Rpc.*|_?(Host)?(Send|Recv)|Collective.*|DataService.*"
    "|RegisterDataset.*|Nccl.*|_Nccl.*|WorkerHeartbeat",
    "builds a graph out of a text": "DatasetFromGraph|MlirPassthroughOp|DeserializeIterator|RewriteDataset",
    "calls a native function by its name": "XlaCustomCall(V2)?|.*XlaHostCompute.*",
    "ends or stalls the process": "Abort|Sleep(Identity)?Op|(Experimental)?SleepDataset",
}
"""Operators of TensorFlow that reach out of the graph, whatever they are given: why, and a pattern of names."""
TFJS = ("FusedDepthwiseConv2dNative", "Prelu")
"""Operators that TensorFlow.js's converter makes and TensorFlow itself does not have."""
TF_PATHS = {
    "Save": [0], "SaveV2": [0], "Restore": [0], "RestoreV2": [0], "MergeV2Checkpoints": [0, 1],
    "InitializeTableFromTextFile": [1], "InitializeTableFromTextFileV2": [1], "CacheDataset": [1],
    "CacheDatasetV2": [1],
}  # fmt: skip
"""Operators that honest models use to save, to restore, and for vocabularies: which of their inputs are paths."""
TF_STATEFUL = (
    "Var.*|ReadVariableOp|Assign.*|Resource.*|TensorArray.*|Stack.*|Queue.*|.*FIFOQueue.*|PriorityQueue.*|Random.*"
    "|.*HashTable.*|LookupTable.*|InitializeTable.*|Stateful.*|TruncatedNormal|ParameterizedTruncatedNormal|Multinomial"
    "|SampleDistortedBoundingBox.*|If|While|Case|.*Iterator.*|Assert|CheckNumerics.*|Empty|CudnnRNN.*|Tensor.*Dataset"
    "|SparseTensorSliceDataset|RangeDataset|Shuffle.*Dataset.*|ReduceDataset|.*Random.*Dataset.*|ListDataset"
    "|BoostedTrees.*|IsBoostedTrees.*|.*CandidateSampler|Anonymous.*|Delete.*|Destroy.*|Map.*|OrderedMap.*|Stage.*|Unstage|Timestamp"
    "|GuaranteeConst|.*Accumulator|Barrier|Mutex.*|ConsumeMutexLock|NonDeterministicInts|DeviceIndex|Dummy.*|Print|PrintV2"
    "|TemporaryVariable|StatelessRandomGetAlg|Rng.*|.*SparseToTensorsMap|.*SparseFromTensorsMap|DisableCopyOnRead|DeepCopy"
    "|VariableShape|GroupByReducerDataset|ExperimentalGroupByReducerDataset|DatasetToSingleElement|GeneratorDataset"
    "|ThreadPool.*|ExperimentalThreadPool.*|IdentityReader.*|DevicePlacementOp|FakeQueue|GraphDefVersion|StubResourceHandleOp|Print"
)
"""Operators with a state that lies in memory alone, or that are random."""
TF_UNKNOWN = "_(?!Fused|Mkl).*|__.*|.*TPU.*|.*Tpu.*|XlaLaunch.*|XlaCallModule|.*SparseCore.*|Infeed.*|Outfeed.*"
"""Operators that no saved model needs: inner ones, those of devices, and compiled programs."""


def tensorflow() -> None:
    """TensorFlow's messages and operators."""
    from importlib import import_module

    from tensorflow.core.framework import op_def_pb2
    from tensorflow.python.client import pywrap_tf_session

    names = {
        "tensorflow.core.protobuf": ["saved_model_pb2", "meta_graph_pb2", "tensor_bundle_pb2", "fingerprint_pb2",
                                     "trackable_object_graph_pb2"],
        "tensorflow.core.framework": ["graph_pb2"],
        "keras.src.legacy": [],
    }  # fmt: skip
    modules = [import_module(f"{package}.{name}") for package, all_ in names.items() for name in all_]
    roots = [message for module in modules for message in module.DESCRIPTOR.message_types_by_name.values()]
    title = f"tensorflow {version('tensorflow-cpu')}"
    found = layout(roots, "tensorflow.")
    found["google.protobuf.Any"] = "1 type_url s; 2 value b"
    found["SavedMetadata"] = "1 nodes KerasObject*"
    found["KerasObject"] = "2 node_id v; 3 node_path s; 4 identifier s; 5 metadata s; 6 version VersionDef"
    write("tensorflow_proto", f"Messages of {title}, and keras_metadata.pb; written by tools/derive_ops.py.", found)
    ops = op_def_pb2.OpList()
    ops.ParseFromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
    refused = {why: [op.name for op in ops.op if re.fullmatch(pattern, op.name)] for why, pattern in TF_REFUSED.items()}
    never = {name for group in refused.values() for name in group} | set(TF_PATHS)
    allow = [
        op.name for op in ops.op
        if op.name not in never and not re.fullmatch(TF_UNKNOWN, op.name)
        and (not op.is_stateful or re.fullmatch(TF_STATEFUL, op.name))
    ]  # fmt: skip
    content = {
        "allow": " ".join(sorted([*allow, *TFJS])),
        "paths": TF_PATHS,
        "refused": {why: " ".join(sorted(group)) for why, group in refused.items()},
    }
    write("tensorflow_ops", f"Operators of {title} that compute; written by tools/derive_ops.py.", content)


# flatbuffers: 'name kind' in the order of slots. kind: u1 i4 f8 … a scalar of that width, s text, x12 a structure of
# that many bytes, a table by its name, [kind] a vector, |name a union (the slot before it says which, from 1 on)

SCALAR = re.compile(r"self\._tab\.Get\(flatbuffers\.number_types\.(Bool|Int|Uint|Float)(\d*)Flags, (o \+|a \+)")
INNER = re.compile(r"x \+= flatbuffers\.number_types\.UOffsetTFlags\.py_type\(j\) \* (\d+)")
MADE = re.compile(r"obj = (\w+)\(\)")
METHOD = re.compile(r"    def (\w+)\(self(?:, j)?\):\n((?:        .*\n|\n)+)")


def tables_of_python(texts: Iterable[str], unions: dict[str, str]) -> dict[str, str]:
    """Layouts out of the classes that flatc generates for Python."""
    found: dict[str, str] = {}
    for text in texts:
        for part in re.split(r"(?m)^class ", text)[1:]:
            name = re.match(r"\w+", part)
            assert name is not None
            if "_tab" in part and not name[0].endswith("T"):
                found[name[0]] = "; ".join(_slots(part, unions))
            elif name[0] in unions.values():
                found["|" + name[0]] = " ".join(m[1] for m in re.finditer(r"(?m)^    (\w+) = [1-9]\d*$", part))
    structs = {name for name, slots in found.items() if not slots and f"Create{name}(" in "".join(texts)}
    return {name: slots for name, slots in found.items() if name not in structs}


def _slots(part: str, unions: dict[str, str]) -> list[str]:
    slots: dict[int, str] = {}
    for name, body in METHOD.findall(part):
        offset = re.search(r"self\._tab\.Offset\((\d+)\)", body)
        if offset and (kind := _kind(name, body, unions)):
            snake = re.sub("(?<!^)([A-Z])", "_\\1", name).lower()
            slots.setdefault((int(offset[1]) - 4) // 2, f"{snake} {kind}")
    return [slots.get(n, "unused -") for n in range(max(slots, default=-1) + 1)]


def _kind(name: str, body: str, unions: dict[str, str]) -> str:
    made, inner = MADE.search(body), INNER.search(body)
    if "self._tab.Union(" in body:
        return "|" + unions[name]
    if inner:
        if "Indirect" in body and made:
            return f"[{made[1]}]"
        return f"[x{inner[1]}]"
    if made:
        return made[1] if "Indirect" in body else "x0"
    if scalar := SCALAR.search(body):
        width = int(scalar[2] or 8) // 8
        kind = {"Bool": "u", "Int": "i", "Uint": "u", "Float": "f"}[scalar[1]] + str(width)
        return f"[{kind}]" if scalar[3] == "a +" else kind
    if "self._tab.String(" in body:
        return "[s]" if "a + " in body else "s"
    return ""


FBS = {"bool": "u1", "byte": "i1", "ubyte": "u1", "int8": "i1", "uint8": "u1", "short": "i2", "ushort": "u2",
       "int": "i4", "uint": "u4", "int32": "i4", "uint32": "u4", "float": "f4", "long": "i8", "ulong": "u8",
       "int64": "i8", "uint64": "u8", "double": "f8", "string": "s", "int16": "i2", "uint16": "u2"}  # fmt: skip


def tables_of_schema(text: str) -> dict[str, str]:
    """Layouts out of a schema in the language of flatbuffers."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)
    kinds = dict(FBS)
    for name, kind in re.findall(r"enum (\w+)\s*:\s*(\w+)", text):
        kinds[name] = FBS[kind]
    found: dict[str, str] = {}
    unions = dict(re.findall(r"union (\w+)\s*\{([^}]*)\}", text))
    for name, body in unions.items():
        found["|" + name] = " ".join(re.findall(r"[\w.]+", body))
    for name, body in re.findall(r"table (\w+)\s*\{([^}]*)\}", text):
        slots = []
        for field, kind in re.findall(r"(\w+)\s*:\s*(\[?[\w.]+\]?)", re.sub(r"\([^)]*\)", "", body)):
            bare = kind.strip("[]").rpartition(".")[2]
            if bare in unions:
                slots += [f"{field}_type u1", f"{field} |{bare}"]
            else:
                inner = kinds.get(bare, bare)
                slots.append(f"{field} [{inner}]" if kind[0] == "[" else f"{field} {inner}")
        found[name] = "; ".join(slots)
    return found


def package(name: str) -> Path:
    """The folder of a package that is installed, without importing it."""
    spec = find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{name} is not installed")
    return Path(spec.submodule_search_locations[0])


def tflite() -> None:
    """TensorFlow Lite's tables, those of its metadata, and its operators."""
    text = (package("ai_edge_litert") / "schema_py_generated.py").read_text()
    unions = {"BuiltinOptions": "BuiltinOptions", "BuiltinOptions2": "BuiltinOptions2",
              "Details": "QuantizationDetails", "ArraySegments": "SparseIndexVector",
              "ArrayIndices": "SparseIndexVector"}  # fmt: skip
    about = f"Tables of ai-edge-litert {version('ai-edge-litert')}; written by tools/derive_ops.py."
    write("tflite_tables", about, tables_of_python([text], unions))
    schema = package("tensorflow_lite_support") / "metadata" / "metadata_schema.fbs"
    about = f"Tables of tflite-support {version('tflite-support')}; written by tools/derive_ops.py."
    write("tflite_metadata_tables", about, tables_of_schema(schema.read_text()))
    block = text.split("class BuiltinOperator(object):")[1].split("\nclass ")[0]
    names = re.findall(r"(?m)^    (\w+) = (\d+)$", block)
    about = f"Operators of ai-edge-litert {version('ai-edge-litert')}, by number; written by tools/derive_ops.py."
    write("tflite_ops", about, {"builtin": " ".join(name for name, n in sorted(names, key=lambda pair: int(pair[1])))})


def coreml() -> None:
    """Core ML's messages, and the operators of its programs."""
    from coremltools.converters.mil.mil.ops.registry import SSAOpRegistry
    from coremltools.proto import Model_pb2

    title = f"coremltools {version('coremltools')}"
    found = layout([Model_pb2.Model.DESCRIPTOR], "CoreML.Specification.")
    write("coreml_proto", f"Messages of {title}; written by tools/derive_ops.py.", found)
    names = {name for name in SSAOpRegistry.core_ops if not name.startswith("custom")}
    allow = " ".join(sorted(names | set(MIL_MORE)))
    write("coreml_ops", f"Operators of programs of {title}; written by tools/derive_ops.py.", {"allow": allow})


MIL_MORE = ("write_state",)
"""Operators that the converter writes and does not register."""


PADDLE_REFUSED = {
    "calls Python functions": "py_func|pylayer|create_py_reader",
    "reads or writes files": "load|load_combine|save|save_combine|read_file",
    "talks to other machines": "c_comm_init.*|c_gen_.*|p_send.*|p_recv.*|send_v2|recv_v2|partial_(send|recv)"
    "|(fetch_)?barrier",
    "runs a compiled program for a device": ".*_engine|run_program",
}
"""Operators of Paddle that reach out of the program, whatever they are given."""


def paddle_ops() -> None:
    """Paddle's messages and operators."""
    import paddle
    from paddle.base import core
    from paddle.base.proto import framework_pb2 as framework

    title = f"paddlepaddle {version('paddlepaddle')}"
    roots = [framework.ProgramDesc.DESCRIPTOR, framework.VarType.TensorDesc.DESCRIPTOR]
    found = layout(roots, "paddle.framework.proto.")
    write("paddle_proto", f"Messages of {title}; written by tools/derive_ops.py.", found)
    names = {framework.OpProto.FromString(bytes(proto)).type for proto in core.get_all_op_protos()}
    refused = {why: sorted(n for n in names if re.fullmatch(p, n)) for why, p in PADDLE_REFUSED.items()}
    allow = names - {name for group in refused.values() for name in group}
    inner = {name.rstrip("_") for name in dir(paddle._C_ops) if name[0] != "_" and "_grad" not in name}
    pir = {name for name in inner - names if not any(re.fullmatch(p, name) for p in PADDLE_REFUSED.values())}
    content = {
        "allow": " ".join(sorted(allow)), "pir": " ".join(sorted(pir)),
        "refused": {why: " ".join(group) for why, group in refused.items()},
    }  # fmt: skip
    write("paddle_ops", f"Operators of {title} that compute; written by tools/derive_ops.py.", content)


def executorch() -> None:
    """ExecuTorch's tables, those of its weights, and those of ONNX Runtime's own format."""
    folder = package("executorch")
    title = f"executorch {version('executorch')}"
    schemas = [folder / "exir" / "_serialize" / "scalar_type.fbs"]
    for name, path in (("executorch", "exir/_serialize/program.fbs"), ("executorch_weights", FLAT_TENSOR)):
        text = "\n".join(path.read_text() for path in (*schemas, folder / path))
        write(f"{name}_tables", f"Tables of {title}; written by tools/derive_ops.py.", tables_of_schema(text))


FLAT_TENSOR = "extension/flat_tensor/serialize/flat_tensor.fbs"


def ort() -> None:
    """The tables of ONNX Runtime's own format."""
    folder = package("onnxruntime") / "tools" / "ort_format_model" / "ort_flatbuffers_py" / "fbs"
    texts = [path.read_text() for path in sorted(folder.glob("*.py"))]
    about = f"Tables of onnxruntime {version('onnxruntime')}; written by tools/derive_ops.py."
    found = tables_of_python(texts, {"Value": "TypeInfoValue"})
    found["|TypeInfoValue"] = "TensorTypeAndShape SequenceType MapType"
    write("ort_tables", about, found)


PARTS: dict[str, Callable[[], None]] = {
    "onnx": onnx, "tensorflow": tensorflow, "tflite": tflite, "coreml": coreml, "paddle": paddle_ops,
    "executorch": executorch, "ort": ort,
}  # fmt: skip

if __name__ == "__main__":
    main(sys.argv[1:])
