"""The bounds of `segalgo.verify.bounds`, for the tests of each operation: one place for all of them."""

from segalgo.verify.bounds import (  # noqa: F401
    C_PLANNED_WINOGRAD,
    assert_within,
    average_pooling_bound,
    batch_norm_bound,
    bilinear_bound,
    bilinear_position_bound,
    computed_eps,
    conv2d_bound,
    conv_transpose2d_bound,
    gelu_bound,
    layer_norm_bound,
    linear_bound,
    local_response_norm_bound,
    log_softmax_bound,
    sigmoid_bound,
    softmax_bound,
    storage_bound,
    winograd_bound,
)
