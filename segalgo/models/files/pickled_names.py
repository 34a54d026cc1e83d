"""What a name in a pickle stands for: a part of a tensor, something to pass over, or a reason to refuse the file."""

import re
import sys

from segalgo.models.files.weights_error import RefusedError, quoted

# Types of the standard library that training scripts keep beside weights. An object of theirs is passed over: never
# made, never called.
HARMLESS = {
    *(f"{module}.{name}" for module in ("builtins", "__builtin__") for name in (
        "bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "getattr", "int", "list", "long",
        "object", "range", "set", "slice", "str", "tuple", "unicode", "xrange",
    )),
    "_codecs.encode",
    "argparse.Namespace",
    "array.array",
    "array._array_reconstructor",
    "collections.ChainMap",
    "collections.Counter",
    "collections.defaultdict",
    "collections.deque",
    "copy_reg._reconstructor",
    "copyreg._reconstructor",
    "decimal.Decimal",
    "fractions.Fraction",
    "functools.partial",
    "logging.Logger",
    "logging.getLogger",
    "operator.attrgetter",
    "operator.itemgetter",
    "random.Random",
    "re._compile",
    "time.struct_time",
    "types.MappingProxyType",
    "types.SimpleNamespace",
    "uuid.UUID",
    "zoneinfo.ZoneInfo",
    "zoneinfo.ZoneInfo._unpickle",
}  # fmt: skip
HARMLESS_MODULES = {"datetime", "ipaddress", "pathlib", "pathlib._local", "numbers"}
# Functions of other packages that their objects are pickled with.
BUILDING = {
    *(f"{module}.{name}" for module in ("numpy.core.multiarray", "numpy._core.multiarray") for name in (
        "_reconstruct", "scalar",
    )),
    "numpy.core.numeric._frombuffer",
    "numpy._core.numeric._frombuffer",
    "numpy.dtype",
    "numpy.ndarray",
    "numpy.ma.core._mareconstruct",
    "numpy.random._pickle.__randomstate_ctor",
    "numpy.random._pickle.__generator_ctor",
    "numpy.random._pickle.__bit_generator_ctor",
    "pandas._libs.internals._unpickle_block",
    "pandas.core.indexes.base._new_Index",
    "torch.device",
    "torch.memory_format",
    "torch.serialization._get_layout",
    "torch.finfo",
    "torch.iinfo",
    "torch._C._distributed_c10d.ReduceOp",
}  # fmt: skip
STANDARD_LIBRARY = {
    *sys.stdlib_module_names,
    "__builtin__",
    "copy_reg",
    "commands",
    "posixpath",
}
CLASS = re.compile(r"_*[A-Z]|__pyx_unpickle_")  # the second makes an object of a class compiled by Cython
REFUSAL = "and files of weights need tensors alone; nothing was executed"


def check_name(module: str, name: str) -> None:
    """Refuse a name of the standard library that is not known to be harmless.

    Names of other packages may stand in a pickle: a class or function that is a setting, as in `argparse.Namespace`
    objects. Nothing of them is imported.
    """
    path = f"{module}.{name}"
    standard = module.partition(".")[0] in STANDARD_LIBRARY
    if standard and path not in HARMLESS and module not in HARMLESS_MODULES and path != "collections.OrderedDict":
        raise RefusedError(f"the pickle names {quoted(path)}, {REFUSAL}")


def check_call(path: str) -> None:
    """Refuse the call of a function; the call of a class, and of what is known to be harmless, makes an object."""
    harmless = path in HARMLESS or path in BUILDING or path.rpartition(".")[0] in HARMLESS_MODULES
    if not harmless and not CLASS.match(path.rpartition(".")[2]):
        raise RefusedError(f"the pickle calls {quoted(path)}, {REFUSAL}")
