"""Profiles: floors, times, advice, cards, what the compiler says, steps; errors that name what is wrong."""

import json
import shutil
from pathlib import Path

import pytest

from segalgo import verify
from segalgo.cuda.device import source
from segalgo.simulated.compiler import find_compiler
from segalgo.verify import VerificationError
from segalgo.verify.profiling.cards import CARDS, beyond_limits, card_of, occupancy
from segalgo.verify.profiling.compiled import CompilerError, compiled, missing_tools
from segalgo.verify.profiling.steps import COLUMNS, MOST_BYTES

pytestmark = [
    pytest.mark.skipif(find_compiler() is None, reason="no C++ compiler"),
    pytest.mark.skipif(shutil.which("addr2line") is None, reason="no addr2line"),
]
SOURCE = Path(__file__).parent / "profiled_relu.cu"
TRANSPOSES = Path(__file__).parents[1] / "simulated" / "profiled_kernels.cu"
LAUNCH = {"args": "x, out, n", "grid": "ceil_div(n, 256)"}
TRANSPOSE = {"args": "x, y, w, w", "grid": "w/32, w/32", "block": "32, 8"}
N = 256 * 256


@pytest.fixture(scope="module")
def plain():
    """Return the profile of a kernel that is as good as can be."""
    return verify.profile(SOURCE, "relu", "plain", **LAUNCH, shape=(256, 256))


def transposed(entry, width=64, **more):
    """Return the profile of a transpose."""
    arrays = dict.fromkeys("xy", "float32[w*w]")
    return verify.profile(TRANSPOSES, "", entry, **TRANSPOSE, arrays=arrays, sizes={"w": width}, **more)


def test_floor_and_times_of_a_kernel_that_moves_no_more_than_it_must(plain):
    assert plain.verified.startswith("verified: passed")
    assert plain.floor.bytes == 2 * 4 * N
    assert {plain.memory_bytes(card) for card in CARDS} == {plain.floor.bytes}
    assert (plain.over_floor, plain.efficiency, plain.most_passes, plain.advice) == (1.0, 1.0, 1, [])
    for card in CARDS.values():
        assert plain.time(card.name) == (plain.floor.bytes / card.bandwidth, "memory")
        assert plain.floor_seconds(card.name) == plain.time(card.name)[0]


def test_renderings_agree(plain, tmp_path):
    text, record = str(plain), json.loads(plain.to_json())
    assert "nothing stands out" in text
    assert record["version"] == 1
    assert record["floor"]["bytes"] == plain.floor.bytes
    (launch,) = record["launches"]
    assert sum(one["sectors"] for one in launch["accesses"]) == 2 * 4 * N // 32
    plain.to_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    row = next(line for line in page.split("<tr>") if "out[i] = x[i] &lt; 0 ?" in line)
    assert f"<td>{2 * N // 32}</td>" in row
    assert '<td class="good">100 %</td>' in row


def test_the_first_thing_to_mend_names_line_and_reason():
    profile = verify.profile(SOURCE, "relu", "in_runs", args="x, out, n", grid="ceil_div(n, 4096)", shape=(256, 256))
    line = next(k for k, text in enumerate(SOURCE.read_text().splitlines(), 1) if "for (int i = first" in text) + 1
    assert profile.advice[0].startswith(f"line {line} ")
    assert "sectors a request" in profile.advice[0]
    assert profile.efficiency < 0.2


def test_without_an_operation_bank_conflicts_come_first():
    profile = transposed("transpose_tiled<0>", 256)
    assert "32-way bank conflicts" in profile.advice[0]
    assert profile.time()[1] == "shared memory"
    assert transposed("transpose_tiled<1>", 256).advice == []


def test_the_floor_counts_an_array_that_is_read_and_written_twice(tmp_path):
    path = tmp_path / "saxpy.cu"
    path.write_text(
        "__global__ void saxpy(int n, float a, const float* x, float* y) {\n"
        "    const int i = blockIdx.x * blockDim.x + threadIdx.x;\n    if (i < n) y[i] = a * x[i] + y[i];\n}\n"
        "int main() { saxpy<<<1, 1>>>(0, 0, nullptr, nullptr); }\n"
    )
    arrays = dict.fromkeys("xy", "float32[n]")
    profile = verify.profile(path, "", "saxpy", "n, 2.0, x, y", "ceil_div(n, 256)", arrays=arrays, sizes={"n": 1000})
    assert profile.floor.bytes == 3 * 4 * 1000
    assert profile.over_floor == pytest.approx(1, abs=0.01)


def test_a_wrong_kernel_is_profiled_only_anyway():
    with pytest.raises(VerificationError, match="fails verification as relu"):
        verify.profile(SOURCE, "relu", "wrong", **LAUNCH)
    profile = verify.profile(SOURCE, "relu", "wrong", **LAUNCH, anyway=True)
    assert profile.verified.startswith("verified: FAILED")
    assert profile.efficiency == 1.0


def test_a_kernel_that_dies_is_an_error():
    with pytest.raises(VerificationError, match="outside of its arrays"):
        verify.profile(SOURCE, "relu", "crashes", **LAUNCH, anyway=True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"path": "absent.cu"}, "absent.cu: no such file"),
        ({"entry": "absent"}, "no kernel absent in profiled_relu.cu; it has plain"),
        ({"args": "x, out"}, "expected 3"),
        ({"args": "x, out, m"}, "no 'm' here"),
        ({"block": "2048"}, "2048 threads a block: A100 takes at most 1024"),
        ({"grid": "1, 70000"}, "70000 blocks in y of the grid: A100 takes at most 65535"),
        ({"shared": "100000", "card": "T4"}, "100000 bytes of shared memory a block: T4 has at most 65536"),
        ({"shared": "170000"}, "170000 bytes of shared memory a block: A100 has at most 166912"),
    ],
)
def test_errors_name_what_is_wrong(changes, words):
    given = {"path": SOURCE, "operation": "relu", "entry": "with_shared", **LAUNCH, "shared": "1024", **changes}
    with pytest.raises(VerificationError, match=words):
        verify.profile(**given)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"operation": "absent"}, "operation='absent'"),
        ({"card": "K80"}, "card='K80': expected one of T4, A100, H100"),
        ({"dtype": "int8"}, "dtype='int8'"),
        ({"operation": "max_pool2d", "shape": (1, 1)}, "do not go together"),
        ({"fix": {"colour": 1}}, "fix=colour"),
    ],
)
def test_arguments_that_do_not_fit(changes, words):
    given = {"path": SOURCE, "operation": "relu", "entry": "plain", **LAUNCH, **changes}
    with pytest.raises(ValueError, match=words):
        verify.profile(**given)
    if "operation" in changes or "card" in changes:
        with pytest.raises(ValueError, match=words):
            verify.profile_own(given["operation"], given.get("shape"), card=given.get("card", "A100"))


def test_steps_of_a_tile(tmp_path):
    path = tmp_path / "steps.json"
    arrays = dict.fromkeys("abc", "float32[n*n]")
    verify.profile(
        TRANSPOSES, "", "product", "a, b, c, n", "1, 1", "16, 16", arrays=arrays, sizes={"n": 16}, record=path
    )
    assert path.stat().st_size < MOST_BYTES
    record = json.loads(path.read_text())
    assert record["version"] == 1
    (launch,) = record["launches"]
    assert launch["columns"] == list(COLUMNS)
    steps = [dict(zip(COLUMNS, row, strict=True)) for row in launch["steps"]]
    # Of 256 threads: two loads and stores into the tiles, 16 times two loads, one store.
    assert len(steps) == 256 * (4 + 32 + 1)
    names = [one["name"] for one in launch["arrays"]]
    cells = {name: {} for name in names}
    for step in steps:
        known = cells[names[step["array"]]]
        assert known.setdefault(step["index"], step["value"]) == step["value"]
    a, b, c = (cells[name] for name in "abc")
    for i, j in ((0, 0), (3, 7), (15, 15)):
        assert c[16 * i + j] == pytest.approx(sum(a[16 * i + k] * b[16 * k + j] for k in range(16)), rel=1e-5)
    assert {step["barrier"] for step in steps if names[step["array"]] == "c"} == {2}
    with pytest.raises(VerificationError, match="expected a smaller launch"):
        transposed("transpose_tiled<1>", 512, record=path)


def test_occupancy_by_hand():
    a100, t4 = CARDS["A100"], CARDS["T4"]
    # 64 registers in 256 threads: 2048 a warp, 32 warps of 65536.
    assert occupancy(a100, 256, 64, 0) == occupancy(a100, 256, 57, 0)
    full = occupancy(a100, 256, 64, 0)
    assert (full.warps, full.most_warps, full.blocks, full.limiter) == (32, 64, 4, "registers")
    assert (occupancy(a100, 256, 32, 0).share, occupancy(a100, 32, 16, 0).limiter) == (1.0, "blocks")
    # 48 KB and the one that the system takes: three of 164 KB.
    full = occupancy(a100, 128, 32, 48 * 1024)
    assert (full.blocks, full.limiter) == (3, "shared memory")
    assert occupancy(t4, 1024, 32, 0).blocks == 1
    # 168 registers: 5376 a warp, 12 warps: one block of 8.
    assert occupancy(a100, 256, 168, 0).blocks == 1
    assert beyond_limits(a100, 1024, 0, 65) == "65 registers in each of 1024 threads: A100 has 65536 for a block"
    assert beyond_limits(a100, 1024, 0, 64) == ""
    assert card_of("h100") is CARDS["H100"]


@pytest.mark.skipif(bool(missing_tools()), reason=f"NVIDIA's compiler: {missing_tools()}")
@pytest.mark.parametrize("architecture", [card.architecture for card in CARDS.values()])
def test_what_the_compiler_makes(architecture):
    made = compiled(TRANSPOSES.read_text(), "product", architecture)
    assert made.shared_bytes == 2 * 16 * 16 * 4
    assert made.spill_bytes == 0
    assert 16 <= made.registers <= 64
    assert made.count("LDG") >= 2
    assert made.count("STG") == 1
    loop = [one.name.partition(".")[0] for one in made.busiest_loop()]
    # The loop over k is unrolled: products without fusing, since that is how the library is compiled.
    assert loop.count("FADD") == loop.count("FMUL") == 16
    line = next(k for k, text in enumerate(TRANSPOSES.read_text().splitlines(), 1) if "sum += left" in text)
    assert made.by_line()[line]["add, multiply (float)"] == 32
    with pytest.raises(CompilerError, match="absent"):
        compiled("__global__ void one() { absent(); }", "one", architecture)


def test_own_kernels():
    profile = verify.profile_own("relu", (64, 64), architectures=())
    assert [one.entry for one in profile.launches] == ["relu<float>"]
    assert (profile.over_floor, profile.efficiency, profile.spill_bytes) == (1.0, 1.0, None)
    assert "__global__ void relu" in profile.source


# Bars that need no card: efficiency of sectors, bytes over the floor, of kernels that memory limits. Windows that lie
# side by side read every second cell at a time: their sectors are all used, by two requests.
BARS = {
    "relu": (0.9, {}),
    "hardswish": (0.9, {}),
    "softmax": (0.9, {}),
    "batch_norm": (0.9, {}),
    "interpolate": (0.9, {}),
    "pad": (0.9, {}),
    "max_pool2d": (0.6, {}),
    "avg_pool2d": (0.6, {}),
    "binarize": (0.9, {}),
}


@pytest.mark.parametrize("operation", BARS)
def test_bars_of_own_kernels_that_memory_limits(operation):
    efficiency, fix = BARS[operation]
    profile = verify.profile_own(operation, architectures=(), fix=fix)
    assert profile.efficiency >= efficiency
    assert profile.over_floor <= 1.15
    assert profile.most_passes <= 2


@pytest.mark.skipif(bool(missing_tools()), reason=f"NVIDIA's compiler: {missing_tools()}")
@pytest.mark.parametrize("architecture", [card.architecture for card in CARDS.values()])
@pytest.mark.parametrize("entry", ["conv2d", "conv_transpose2d", "conv2d_winograd_products"])
def test_bars_of_convolutions(entry, architecture):
    made = compiled(source("layers.convolution"), f"{entry}<float, int>", architecture)
    names = [one.name.partition(".")[0] for one in made.busiest_loop()]
    assert names.count("FFMA") >= 0.6 * len(names)
    assert 4 * names.count("LDS") <= names.count("FFMA")
    assert (made.spill_bytes, made.long_divisions) == (0, 0)
