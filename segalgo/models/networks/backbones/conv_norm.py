"""Convolution, batch normalization and activation, the step that most backbones and heads repeat."""

from typing import Any


def conv_norm(
    layers: Any,
    x: Any,
    name: str,
    channels: int,
    kernel_size: int = 1,
    activation: str | None = "relu",
    eps: float = 1e-5,
    numbers: tuple[int, int] = (0, 1),
    **options: Any,
) -> Any:
    """Return the activation of the normalized convolution of x, which has no bias.

    The layers are called ``{name}.0`` and ``{name}.1``, as ``torch.nn.Sequential(Conv2d, BatchNorm2d)`` numbers them,
    or by other `numbers`; `options` are those of the convolution.
    """
    first, second = numbers
    x = layers.conv2d(x, f"{name}.{first}", channels, kernel_size, bias=False, **options)
    x = layers.batch_norm(x, f"{name}.{second}", eps)
    return x if activation is None else getattr(layers, activation)(x, f"{name}.{second + 1}")
