"""Random graphs of the layers: planned passes and tiles hold for each of them."""

import numpy as np
import pytest
from hypothesis import event, given, settings
from network_deviation import deviation, random_parameters
from random_networks import networks

from segalgo import _ext
from segalgo.models.plans.public import PublicPlan

SLOW = settings(max_examples=150)


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
@SLOW
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
