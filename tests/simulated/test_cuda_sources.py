"""Every ``.cu`` file compiles with NVIDIA's run-time compiler, which needs no GPU, for the cards we name."""

import ctypes
import importlib.util
import os
import re
from functools import cache
from pathlib import Path

import pytest

from segalgo.cuda.device import NVRTC_OPTIONS, SOURCES

FILES = sorted(SOURCES.rglob("*.cu"))
KERNEL = re.compile(
    r"^(template\s*<(?P<parameters>[^>]*)>\s*)?(extern \"C\"\s+)?__global__\s+void\s+(?P<name>\w+)", re.M
)


@cache
def nvrtc():
    """Return NVRTC from the PyPI wheel; None where it is not installed."""
    try:
        spec = importlib.util.find_spec("nvidia.cuda_nvrtc")
    except ModuleNotFoundError:
        spec = None
    libraries = sorted(Path(spec.submodule_search_locations[0]).glob("lib/libnvrtc.so.*")) if spec else []
    if not libraries:
        if os.environ.get("CI"):
            pytest.fail("required in CI: NVRTC (nvidia-cuda-nvrtc-cu12) is not installed")
        pytest.skip("NVRTC (nvidia-cuda-nvrtc-cu12) is not installed")
    return ctypes.CDLL(str(libraries[0]))


def instances(text: str) -> list[str]:
    """List the kernels of a file, templates once for each entry of the line ``// Instances: a; b`` above them."""
    names = []
    for match in KERNEL.finditer(text):
        if not match["parameters"]:
            names.append(match["name"])
            continue
        above = text[: match.start()].rstrip().splitlines()
        comment = []
        while above and above[-1].startswith("//"):
            comment.append(above.pop())
        line = next((line for line in comment if line.startswith("// Instances: ")), None)
        assert line, f"the template {match['name']} has no line '// Instances: ...' in the comment above it"
        names += [f"{match['name']}<{entry.strip()}>" for entry in line.removeprefix("// Instances: ").split(";")]
    return names


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
@pytest.mark.parametrize("capability", [75, 80, 90])
def test_compiles_for(file, capability):
    library, text = nvrtc(), file.read_text()
    names = instances(text)
    assert names
    program = ctypes.c_void_p()
    source, name = text.encode(), file.name.encode()
    assert library.nvrtcCreateProgram(ctypes.byref(program), source, name, 0, None, None) == 0
    for expression in names:
        assert library.nvrtcAddNameExpression(program, expression.encode()) == 0
    options = [option.encode() for option in (*NVRTC_OPTIONS, f"--gpu-architecture=sm_{capability}")]
    code = library.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    size = ctypes.c_size_t()
    library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    library.nvrtcGetProgramLog(program, log)
    library.nvrtcDestroyProgram(ctypes.byref(program))
    text = log.value.decode()
    assert code == 0, text
    assert "warning" not in text, text


def test_files_stand_alone():
    assert FILES
    for file in FILES:
        assert "#include" not in file.read_text(), f"{file.name} includes a header"
