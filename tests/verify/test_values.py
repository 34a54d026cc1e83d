"""Each kind of values has its share of the cases."""

import pytest

from segalgo import verify
from segalgo.verify.cases.recipes import HARD, recipes
from segalgo.verify.catalogue.registry import operation_of


@pytest.mark.parametrize("name", verify.operations())
def test_hard_values_have_a_share(name):
    """One case of a kind may hide its bug behind another size or parameter: there are three among the default cases."""
    kinds = [kind for kind in operation_of(name).values if kind in HARD]
    counted = [recipe.values for recipe in recipes(name, 0, 250)]
    few = {kind: counted.count(kind) for kind in kinds if counted.count(kind) < 3}
    assert not few
