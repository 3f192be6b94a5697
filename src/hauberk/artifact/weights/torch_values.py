"""What torch's pickles call to make tensors, by the names and arguments that torch/_utils.py gives them.

A tensor is a window on a storage; a storage is asked for by persistent id and read later.
"""

from __future__ import annotations

from typing import Any

from ..formats.opcodes import Global, Seq
from .builder import Maker, NotMade
from .values import Lost, Tensor, Whole, Window, items_of, sizes_of

STORAGES = {
    "FloatStorage": "F32", "DoubleStorage": "F64", "HalfStorage": "F16", "BFloat16Storage": "BF16",
    "LongStorage": "I64", "IntStorage": "I32", "ShortStorage": "I16", "CharStorage": "I8", "ByteStorage": "U8",
    "BoolStorage": "BOOL", "ComplexFloatStorage": "C64", "UntypedStorage": "",
}  # fmt: skip
DTYPES = {
    "float32": "F32", "float64": "F64", "float16": "F16", "bfloat16": "BF16", "int64": "I64", "int32": "I32",
    "int16": "I16", "int8": "I8", "uint8": "U8", "uint16": "U16", "uint32": "U32", "uint64": "U64", "bool": "BOOL",
    "complex64": "C64", "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2", "float8_e8m0fnu": "F8_E8M0",
    "float8_e4m3fnuz": "F8_E4M3FNUZ", "float8_e5m2fnuz": "F8_E5M2FNUZ",
}  # fmt: skip
CLASSES = ("torch.", "torch.cuda.", "torch.storage.")
FLIPPED = ("conj", "neg")
"""Bits of a tensor that negate its numbers when they are read."""


def storage_type(cls: Any) -> str:
    """The item type of a storage class. Raises NotMade for one that safetensors has no name for."""
    if not isinstance(cls, Global) or not cls.dotted.startswith(CLASSES):
        raise NotMade("the class of a storage is not given by name")
    if cls.name not in STORAGES:
        raise NotMade(f"safetensors has no type for {cls.name}")
    return STORAGES[cls.name]


def rebuild_v1(args: list[Any], at: int) -> Tensor:
    """_rebuild_tensor(storage, offset, size, stride)."""
    if len(args) < 4:
        raise NotMade("a tensor lacks its storage, offset, size or stride")
    return _tensor(args[0], "", *args[1:4])


def rebuild_v2(args: list[Any], at: int) -> Tensor:
    """_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks, metadata)."""
    _no_flips(args[6:7])
    return rebuild_v1(args, at)


def rebuild_v3(args: list[Any], at: int) -> Tensor:
    """_rebuild_tensor_v3(storage, offset, size, stride, requires_grad, hooks, dtype, metadata)."""
    if len(args) < 7 or not isinstance(args[6], Global) or args[6].module != "torch" or args[6].name not in DTYPES:
        raise NotMade(f"safetensors has no type for {args[6] if len(args) > 6 else 'nothing'}")
    _no_flips(args[7:8])
    return _tensor(args[0], DTYPES[args[6].name], *args[1:4])


def first_argument(args: list[Any], at: int) -> Any:
    """_rebuild_parameter(data, …) and the like: the tensor that they wrap."""
    if not args:
        raise NotMade("a parameter has no data")
    return args[0]


def rebuild_from_type(args: list[Any], at: int) -> Any:
    """_rebuild_from_type_v2(function, type, arguments, state): a tensor with attributes of its own."""
    maker = MAKERS.get(args[0].dotted) if len(args) > 2 and isinstance(args[0], Global) else None
    if maker is None:
        raise NotMade("a tensor of a class of its own is made by what was not run")
    return maker(items_of(args[2]), at)


def rebuild_from_numpy(args: list[Any], at: int) -> Any:
    """_rebuild_device_tensor_from_numpy(array, dtype, device, requires_grad), of accelerators."""
    dtype = args[1] if len(args) > 1 else None
    array = args[0].tensor() if args and hasattr(args[0], "tensor") else None
    if not isinstance(dtype, Global) or not isinstance(array, Tensor) or DTYPES.get(dtype.name) != array.dtype:
        raise NotMade("a tensor of an accelerator is not of its array's type")
    return array


def size(args: list[Any], at: int) -> Any:
    """torch.Size(numbers)."""
    return args[0] if args else Whole("tuple")


def _never(what: str) -> Maker:
    def maker(args: list[Any], at: int) -> Any:
        raise NotMade(f"safetensors has no form for {what}")

    return maker


def _tensor(storage: Any, dtype: str, offset: Any, shape: Any, strides: Any) -> Tensor:
    window = storage if isinstance(storage, Window) else None
    if isinstance(storage, Lost):
        raise NotMade(storage.why)
    if window is None:
        raise NotMade("a tensor's storage is not a storage")
    sides, steps = sizes_of(shape), sizes_of(strides)
    if sides is None or steps is None or len(sides) != len(steps) or type(offset) is not int or offset < 0:
        raise NotMade("a tensor's size, stride or offset are no numbers")
    if not (kind := dtype or window.storage.dtype):
        raise NotMade("a tensor does not say its type")
    return Tensor(window.storage, kind, window.first + offset, sides, steps)


def _no_flips(metadata: list[Any]) -> None:
    found = metadata[0] if metadata else None
    if isinstance(found, Whole | Seq) and found.kind == "dict":
        pairs = zip(found.items[::2], found.items[1::2], strict=False)
        if any(key in FLIPPED and value is not False for key, value in pairs):
            raise NotMade("a tensor is marked as conjugated or negated")
    elif found is not None:
        raise NotMade("a tensor has marks that were not run")


MAKERS: dict[str, Maker] = {
    "torch._utils._rebuild_tensor": rebuild_v1,
    "torch._utils._rebuild_tensor_v2": rebuild_v2,
    "torch._utils._rebuild_tensor_v3": rebuild_v3,
    "torch._utils._rebuild_parameter": first_argument,
    "torch._utils._rebuild_parameter_with_state": first_argument,
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": first_argument,
    "torch._utils._rebuild_device_tensor_from_numpy": rebuild_from_numpy,
    "torch._tensor._rebuild_from_type": rebuild_from_type,
    "torch._tensor._rebuild_from_type_v2": rebuild_from_type,
    "torch.nn.parameter.Parameter": first_argument,
    "torch.jit._pickle.build_tensorlist": first_argument,
    "torch.jit._pickle.build_tensor_from_id": _never("a tensor by number"),
    "torch.Size": size,
    "torch._utils._rebuild_qtensor": _never("a quantised tensor"),
    "torch._utils._rebuild_sparse_tensor": _never("a sparse tensor"),
    "torch._utils._rebuild_sparse_csr_tensor": _never("a sparse tensor"),
    "torch._utils._rebuild_nested_tensor": _never("a nested tensor"),
    "torch._utils._rebuild_meta_tensor_no_storage": _never("a tensor without numbers"),
    "torch._utils._rebuild_wrapper_subclass": _never("a tensor of a class of its own"),
    "torch.jit._pickle.restore_type_tag": first_argument,
}
"""By the name that the pickle gives. Whatever is not here is not run, and tensors behind it are refused."""
