"""Random graphs of the layers: planned passes and tiles hold for each of them."""

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from network_deviation import deviation, random_parameters
from random_networks import networks, tileable_networks

from segalgo import _ext
from segalgo.models.plans.public import PublicPlan
from segalgo.models.predicting.tiling import windows

EXAMPLES = settings(max_examples=40)


def prepared(network, seed=0):
    return network.load_state_dict(random_parameters(network, np.random.default_rng(seed)))


def assert_close(got, expected, allowed, network):
    """Assert that logits are within their deviation.

    Where unpooling follows, rounding may decide between two nearly equal values of a window, and one lands aside.
    """
    assert got.shape == expected.shape
    inside = np.abs(got - expected) <= allowed
    unpools = any(kind == "pooled_and_back" for kind, _, _ in network.recipe)
    assert inside.mean() > 0.97 if unpools else inside.all(), network.recipe


@pytest.mark.skipif(not _ext.available(), reason="the compiled kernels are not built")
@EXAMPLES
@given(case=networks())
def test_plans_compute_what_the_plain_pass_computes(case):
    network, shape = case
    network = prepared(network)
    x = np.random.default_rng(1).standard_normal(shape, dtype=np.float32)
    expected, allowed = deviation(network, x, "float32")
    event(f"{len(network.recipe)} instructions")
    assert_close(network(x), expected, allowed, network)
    run = network.plan(shape)
    assert run.nbytes > 0  # on blocks
    assert_close(run(x), expected, allowed, network)
    assert_close(run(x), expected, allowed, network)
    public = PublicPlan(network.describe(shape), network.parameters)
    assert_close(public.run(x, None), expected, allowed, network)
    exact, allowed = deviation(network, x, "float64")
    assert_close(network.plan(shape, dtype=np.float64)(x.astype(np.float64)), exact, allowed, network)


def assembled(network, x, tile):
    """Return logits of a picture (C, H, W), computed in parts."""
    parts = windows(network, x.shape[1:], tile)
    logits = np.full((network.num_classes, *x.shape[1:]), np.nan)
    for i, j in parts:
        part = network(x[:, i.read_start : i.read_stop, j.read_start : j.read_stop])
        logits[:, i.start : i.stop, j.start : j.stop] = part[:, i.inside, j.inside]
    return logits, len(parts)


@EXAMPLES
@given(
    network=tileable_networks(),
    height=st.integers(1, 70),
    width=st.integers(20, 120),
    tile=st.integers(1, 40),
)
def test_tiles_compute_what_the_whole_picture_gives(network, height, width, tile):
    network = prepared(network)
    x = np.random.default_rng(1).standard_normal((1, height, width))
    whole = network(x)
    tiled, count = assembled(network, x, tile)
    event("one tile" if count == 1 else "tiles")
    close = np.isclose(tiled, whole, rtol=1e-8, atol=1e-8 * np.abs(whole).max())
    assert close.all(), network
