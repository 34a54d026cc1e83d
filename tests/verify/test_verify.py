"""The machinery of verification: cases, bounds, guards, reports; and every operation of ours under it."""

import json
import pickle
import sys

import numpy as np
import pytest
from public_names import PUBLIC

import segalgo
from segalgo import verify
from segalgo.verify.cases.case import Case
from segalgo.verify.cases.recipes import LAYOUTS, recipes
from segalgo.verify.catalogue.registry import catalogue
from segalgo.verify.comparison import compare
from segalgo.verify.processes.guards import Guarded, poison_of, poisoned_memory

# What takes no arrays to compute on, or is a part or a picture of something else.
NOT_VERIFIED = {
    *("BackendStatus", "backends", "use_backend", "PreparedConv2d", "prepare_conv2d", "bilinear_weight"),
    *("Partition", "LabelStatistics", "LabelMap", "input_sizes", "output_size", "overlay", "try_all_thresholds"),
    *("PictureError", "read_picture", "to_grey", "write_label_map", "write_picture", "Segmentation", "segment"),
    *("blur_background", "legend", "show_confusion", "show_histogram", "show_instances", "show_trace", "side_by_side"),
    *("Instances", "Panoptic", "InstanceRecognizer", "semantic_to_instances", "instances_to_semantic"),
    *("to_panoptic", "bounding_boxes", "count_objects", "describe_objects", "anchors"),
    # Composed of operations that are verified.
    *("dense_crf_steps", "opening", "closing", "white_tophat", "black_tophat", "flood_fill", "kmeans_segment"),
    *("h_maxima", "h_minima", "local_maxima", "local_minima", "peak_local_max"),
    # Two wings, whose equality its own tests hold: it has no kernel to verify.
    "felzenszwalb",
}


def test_every_operation_is_in_the_catalogue():
    assert set(verify.operations()) | NOT_VERIFIED == set(PUBLIC)


@pytest.mark.parametrize("name", verify.operations())
def test_our_functions_pass(name):
    for backend in ("cython", "reference"):
        if segalgo.backends()[backend].available:
            with segalgo.use_backend(backend):
                report = verify.check(name, getattr(segalgo, name), cases=60)
            assert report.passed, str(report)
            assert not report.uncovered


@pytest.mark.skipif(
    not segalgo.backends()["simulated"].available or not sys.platform.startswith("linux"),
    reason="watched kernels need the simulated device, and Linux",
)
@pytest.mark.parametrize("name", verify.operations())
def test_our_cuda_kernels_pass_watched(name):
    """Numbers, races, bounds and shared memory; one dtype, so that there is little to compile."""
    with segalgo.use_backend("simulated"), verify.instrumented() as findings:
        dtypes = catalogue()[name].dtypes[:1]
        report = verify.check(name, getattr(segalgo, name), cases=10, dtypes=dtypes, layouts=("C",))
    assert report.passed, str(report)
    assert not findings


def test_cases_are_the_same_again():
    for number in (0, 7, 40):
        one, two = (verify.case("conv2d", number, seed=3) for _ in range(2))
        assert one.recipe == two.recipe
        for name, value in one.arguments.items():
            np.testing.assert_array_equal(value, two.arguments[name])
    assert recipes("conv2d", 3, 20) == recipes("conv2d", 3, 60)[:20]
    assert pickle.loads(pickle.dumps(one)).recipe == one.recipe


@pytest.mark.parametrize("name", verify.operations())
def test_the_first_cases_take_every_choice(name):
    operation = catalogue()[name]
    known = recipes(name, 0, 400)
    assert {recipe.dtype for recipe in known} == set(operation.dtypes)
    assert {recipe.values for recipe in known} >= set(operation.values) - {
        value
        for value in ("extremes", "infinite", "nan", "subnormal", "tiny", "negative")
        if all(np.dtype(dtype).kind != "f" for dtype in operation.dtypes)
    }
    for parameter, choices in operation.choices.items():
        assert {recipe[parameter] for recipe in known} == set(choices), parameter


@pytest.mark.parametrize("name", verify.operations())
def test_a_short_run_has_several_blocks(name):
    """What goes wrong in a second block of 256 threads, or in a second pass of a small grid, needs such a case."""
    sizes = [int(np.prod(recipe.shape)) for recipe in recipes(name, 0, 24)]
    are_boxes = all(recipe.shape[1:] == (4,) for recipe in recipes(name, 0, 24))
    assert max(sizes) > (256 if are_boxes else 500)


def test_a_case_by_its_number_and_changes():
    case = verify.case("max_unpool2d", 3, shape=(1, 1, 4, 4), values="counting", kernel_size=2)
    assert case.recipe.shape == (1, 1, 4, 4)
    assert case.arguments["input"].shape == (1, 1, 2, 2)
    again = eval(case.code(), {"segalgo": segalgo})
    assert again.recipe == case.recipe
    with pytest.raises(ValueError, match="operation='max_unpool'"):
        verify.case("max_unpool", 0)
    with pytest.raises(ValueError, match="colour: expected shape"):
        verify.case("relu", 0, colour="red")
    with pytest.raises(ValueError, match="do not go together"):
        verify.case("max_pool2d", 0, shape=(1, 1, 1, 1), kernel_size=3)
    with pytest.raises(ValueError, match="number=-1"):
        verify.case("relu", -1)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(3, 4, 5), (6,), (0, 3), ()])
def test_guarded_arrays(layout, shape):
    values = np.arange(int(np.prod(shape)), dtype=np.float32).reshape(shape)
    guarded = Guarded(values, layout)
    np.testing.assert_array_equal(guarded.view, values)
    assert guarded.damage() is None
    if guarded.view.size and guarded.view.flags.writeable:
        guarded.view.reshape(-1)[...] = 7 if guarded.view.flags.c_contiguous else 0
        guarded.view[...] = 7
        assert guarded.damage() == "input"
    guarded = Guarded(values, layout)
    guarded.buffer[-1] = 1
    assert guarded.damage() == "guard"


def test_fresh_memory_is_dirty_and_clean_again():
    with poisoned_memory(0):
        for dtype in ("float32", "int64", "bool"):
            filled = np.empty(3, dtype)
            poison = poison_of(filled.dtype, 0)
            np.testing.assert_array_equal(filled, np.full(3, poison, dtype))
    assert np.empty.__module__ == "numpy"


def test_bounds_are_per_element():
    """Zeros pass nowhere but where the right answer is zero, however small it is."""
    for name in ("conv2d", "linear", "avg_pool2d", "layer_norm"):
        operation = getattr(segalgo, name)
        report = verify.check(name, lambda *a, f=operation, **k: np.zeros_like(f(*a, **k)), cases=120, shrink=False)
        assert any(recipe.values == "tiny" for recipe in report.failed_recipes)
        for recipe in report.passed_recipes:
            if recipe.values == "tiny" and name != "layer_norm" and recipe.dtype != "float16":
                # A window that lies in the padding alone has the answer 0.
                assert not any(answer.any() for answer in Case(recipe).expected), recipe


def test_an_error_of_one_bound_is_the_limit():
    expected, bound = np.array([1.0, 2.0, np.nan, np.inf]), np.array([0.5, 0.25, 1.0, 1.0])
    names, like = ("output",), [expected]
    inside = np.array([1.5, 1.75, np.nan, np.inf])
    assert compare(names, [inside], like, like, [bound])[0] == []
    for place, value in ((0, 1.51), (1, 2.26), (2, 0.0), (3, -np.inf), (0, np.nan)):
        wrong = inside.copy()
        wrong[place] = value
        found, worst = compare(names, [wrong], like, like, [bound])
        assert found[0].kind == "wrong values"
        assert found[0].wrong.tolist() == [k == place for k in range(4)]
        assert place > 1 or worst.ratio > 1


def test_the_report(tmp_path):
    def my_relu(x):
        return np.where(x > 0, x, 0).astype(x.dtype) if x.shape[-1] % 2 else np.maximum(x, x.dtype.type(0.25))

    report = verify.check("relu", my_relu, cases=80)
    text = str(report)
    assert text.startswith("relu: my_relu FAILED (80 cases, seed 0")
    assert "to see it again:" in text
    assert report.smallest.case.recipe.shape == (1, 2) or np.prod(report.smallest.case.recipe.shape) <= 2
    lines = report.smallest.code("my_relu").splitlines()
    assert len(lines) == 3
    scope = {"segalgo": segalgo, "my_relu": my_relu}
    exec("\n".join(lines[:2]), scope)
    assert verify.judged(scope["case"], scope["function"])[0].kind == "wrong values"
    data = json.loads(report.to_json())
    assert (data["passed"], data["operation"], data["cases"]["failed"] > 0) == (False, "relu", True)
    page = report.to_html(tmp_path / "report.html").read_text()
    assert "FAILED" in page
    assert "<svg" in page
    assert "http" not in page
    good = verify.check("relu", segalgo.relu, cases=20)
    assert "passed" in good.to_html(tmp_path / "good.html").read_text()
    assert json.loads(good.to_json())["smallest"] is None


def test_assert_correct():
    assert verify.assert_correct("relu", segalgo.relu, cases=20).passed
    with pytest.raises(AssertionError, match=r"(?s)relu: absolute FAILED.*to see it again"):
        verify.assert_correct("relu", np.abs, cases=20)


def test_arguments_that_a_function_does_not_take_are_not_covered():
    report = verify.check("avg_pool2d", lambda x, kernel_size: segalgo.avg_pool2d(x, kernel_size), cases=60)
    assert report.passed
    assert set(report.uncovered) == {"stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"}
    assert "not covered: stride" in str(report)


def test_dtypes_and_layouts_are_chosen():
    seen = set()

    def note(x):
        seen.add((x.dtype.name, x.flags.c_contiguous))
        return segalgo.relu(x)

    report = verify.check("relu", note, cases=40, dtypes=["float16"], layouts=("C",))
    assert report.passed
    assert seen == {("float16", True)}
    with pytest.raises(ValueError, match="dtypes="):
        verify.check("relu", segalgo.relu, dtypes=["int8"], cases=5)


def test_integers_that_a_function_of_floats_refuses_are_not_covered():
    def floats_only(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
        if x.dtype.kind != "f":
            raise TypeError(f"not implemented for {x.dtype}")
        return segalgo.max_pool2d(x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)

    report = verify.check("max_pool2d", floats_only, cases=40)
    assert report.passed, str(report)
    assert any(name.startswith("dtype") and "not implemented" in name for name in report.uncovered)
    assert all(np.dtype(recipe.dtype).kind == "f" for recipe in report.passed_recipes)
