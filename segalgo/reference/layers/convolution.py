"""Convolution and transposed convolution: the definitions, and the textbook forms that are equal to them.

`conv2d` and `conv_transpose2d` are the oracle. The other forms teach; all take the same arguments and agree up to
rounding:

    conv2d_sum                         the formula, one output cell at a time
    conv2d_im2col                      windows as columns of a matrix, one product of matrices
    conv2d_fft                         the correlation theorem
    conv2d_winograd                    F(2x2, 3x3) and F(4x4, 3x3), fewer multiplications
    conv_transpose2d                   scatter: every input cell adds a weighted kernel to the output
    conv_transpose2d_zero_insertion    zeros between the input cells, then an ordinary convolution, kernel turned
    conv_transpose2d_matrix            the transpose of the matrix of the convolution

Everywhere x is (N, C, H, W), padding are the zeros above and to the left (below and to the right follow from
output_size), and groups divide channels: with G groups, output channel k reads the C / G channels of its own group.
"""

import numpy as np

Pair = tuple[int, int]


def conv2d(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    output_size: Pair,
    algorithm: str = "direct",
) -> np.ndarray:
    """See `segalgo.conv2d`. weight is (K, C / G, kh, kw); returns (N, K, OH, OW).

    out[n, k, i, j] = bias[k] + sum over c, u, v of weight[k, c, u, v] * padded[n, c, i*sh + u*dh, j*sw + v*dw].
    One pass per kernel cell (u, v): the cells that it meets, for all outputs at once, are a strided view of the
    padded input, and the sum over c is a product of matrices.
    """
    if algorithm == "winograd":
        return conv2d_winograd(x, weight, bias, stride, padding, dilation, groups, output_size)
    n, rows, (oh, ow) = x.shape[0], weight.shape[0], output_size
    padded = _padded(x, weight.shape[2:], stride, padding, dilation, output_size)
    output = np.zeros((n, groups, rows // groups, oh * ow), x.dtype)
    matrices = weight.reshape(groups, rows // groups, *weight.shape[1:])
    for u in range(weight.shape[2]):
        for v in range(weight.shape[3]):
            cells = _cells(padded, (u, v), stride, dilation, output_size)
            output += matrices[:, :, :, u, v] @ cells.reshape(n, groups, weight.shape[1], oh * ow)
    return _with_bias(output.reshape(n, rows, oh, ow), bias)


def conv_transpose2d(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    output_size: Pair,
) -> np.ndarray:
    """See `segalgo.conv_transpose2d`. weight is (C, K / G, kh, kw); returns (N, K, OH, OW).

    Scatter: out[n, k, i*sh + u*dh - ph, j*sw + v*dw - pw] += x[n, c, i, j] * weight[c, k, u, v] for all c, i, j, u, v,
    cells outside the output dropped. One pass per kernel cell (u, v), over the input cells that it brings inside.
    """
    (n, channels, height, width), (_, rows, kh, kw) = x.shape, weight.shape
    output = np.zeros((n, groups, rows, *output_size), x.dtype)
    matrices = weight.reshape(groups, channels // groups, rows, kh, kw).swapaxes(1, 2)
    cells = x.reshape(n, groups, channels // groups, height, width)
    for u in range(kh):
        for v in range(kw):
            (from_rows, to_rows), (from_columns, to_columns) = (
                _scattered(*axis, cell)
                for *axis, cell in zip(x.shape[2:], output_size, stride, padding, dilation, (u, v), strict=True)
            )
            inside = cells[..., from_rows, from_columns]
            if inside.size and rows:
                sums = matrices[..., u, v] @ inside.reshape(*inside.shape[:3], -1)
                output[..., to_rows, to_columns] += sums.reshape(n, groups, rows, *inside.shape[3:])
    return _with_bias(output.reshape(n, groups * rows, *output_size), bias)


def choose_algorithm(
    channels: int,
    out_channels: int,
    kernel: Pair,
    stride: Pair,
    dilation: Pair,
    output_size: Pair | None,
    itemsize: int,
) -> str:
    """Return "direct": the definition, whatever the shape."""
    return "direct"


def pack_conv2d(
    weight: np.ndarray, bias: np.ndarray | None, stride: Pair, dilation: Pair, groups: int, relu: bool, algorithm: str
) -> tuple:
    """See `segalgo.prepare_conv2d`. Nothing to pack here: returns the arguments."""
    return weight, bias, stride, dilation, groups, relu, algorithm


def conv2d_packed(x: np.ndarray, packed: tuple, padding: Pair, output_size: Pair) -> np.ndarray:
    """See `segalgo.prepare_conv2d`. The convolution, then ReLU where asked for; NaN stays."""
    weight, bias, stride, dilation, groups, relu, algorithm = packed
    output = conv2d(x, weight, bias, stride, padding, dilation, groups, output_size, algorithm)
    return np.where(output < 0, x.dtype.type(0), output) if relu else output


def bilinear_weight(size: Pair, stride: Pair, dtype: np.dtype) -> np.ndarray:
    """See `segalgo.bilinear_weight`. The kernel (kh, kw): the product of a triangle function for each axis.

    A triangle of half-width s around the middle (size - 1) / 2: max(0, 1 - |u - middle| / s).
    """
    triangles = [
        np.maximum(0.0, 1 - np.abs(np.arange(length) - (length - 1) / 2) / s)
        for length, s in zip(size, stride, strict=True)
    ]
    return np.outer(*triangles).astype(dtype)


def conv2d_sum(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    output_size: Pair,
) -> np.ndarray:
    """Convolve by the formula of `conv2d`, one output cell at a time: each is the sum of a window times the kernel."""
    (rows, channels, kh, kw), (sh, sw), (dh, dw) = weight.shape, stride, dilation
    padded = _padded(x, (kh, kw), stride, padding, dilation, output_size)
    output = np.zeros((x.shape[0], rows, *output_size), x.dtype)
    for n, k, i, j in np.ndindex(output.shape):
        first = k // (rows // groups) * channels  # the first channel of this group
        window = padded[
            n,
            first : first + channels,
            i * sh : i * sh + (kh - 1) * dh + 1 : dh,
            j * sw : j * sw + (kw - 1) * dw + 1 : dw,
        ]
        output[n, k, i, j] = (window * weight[k]).sum()
    return _with_bias(output, bias)


def im2col(x: np.ndarray, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, output_size: Pair) -> np.ndarray:
    """Return (N, C, kh * kw, OH * OW): column p holds the cells of window p."""
    padded = _padded(x, kernel, stride, padding, dilation, output_size)
    windows = [
        _cells(padded, (u, v), stride, dilation, output_size) for u in range(kernel[0]) for v in range(kernel[1])
    ]
    return np.stack(windows, axis=2).reshape(*x.shape[:2], len(windows), output_size[0] * output_size[1])


def conv2d_im2col(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    output_size: Pair,
) -> np.ndarray:
    """Convolve by one product of matrices a group: weights (K, C * kh * kw) times columns (C * kh * kw, OH * OW).

    The columns hold each input cell kh * kw times: simple, fast on a good BLAS, and costly in memory.
    """
    n, rows = x.shape[0], weight.shape[0]
    columns = im2col(x, weight.shape[2:], stride, padding, dilation, output_size)
    terms = weight[0].size
    columns = columns.reshape(n, groups, terms, output_size[0] * output_size[1])
    output = weight.reshape(groups, rows // groups, terms) @ columns
    return _with_bias(output.reshape(n, rows, *output_size), bias)


def conv2d_fft(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    output_size: Pair,
) -> np.ndarray:
    """Convolve by the correlation theorem: transform(out) = transform(padded) * conj(transform(kernel)).

    The dilated kernel lies in a plane as large as the padded picture; cells that wrap around are never used, and a
    stride keeps every sh-th row and sw-th column.
    """
    (n, _, _, _), (rows, channels, kh, kw) = x.shape, weight.shape
    padded = _padded(x, (kh, kw), stride, padding, dilation, output_size)
    size = padded.shape[2:]
    kernel = np.zeros((rows, channels, *size), x.dtype)
    kernel[:, :, : (kh - 1) * dilation[0] + 1 : dilation[0], : (kw - 1) * dilation[1] + 1 : dilation[1]] = weight
    half = (size[0], size[1] // 2 + 1)  # of a real plane's transform, the rest mirrors it
    pictures = np.fft.rfft2(padded).reshape(n, groups, 1, channels, *half)
    kernels = np.fft.rfft2(kernel).reshape(groups, rows // groups, channels, *half)
    sums = np.fft.irfft2((pictures * kernels.conj()).sum(axis=3), size).reshape(n, rows, *size)
    return _with_bias(_cells(sums, (0, 0), stride, dilation, output_size).astype(x.dtype), bias)


# F(m x m, 3 x 3) by interpolation points 0, 1, -1 (and 2, -2) and infinity: Lavin and Gray, CVPR 2016. A, B, G fulfil,
# for every signal d and filter g: A' ((G g) * (B' d)) = the m sums of d with g.
WINOGRAD = {
    2: (
        np.array([[1, 1, 1, 0], [0, 1, -1, -1]]),
        np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]]),
        np.array([[1, 0, 0], [1 / 2, 1 / 2, 1 / 2], [1 / 2, -1 / 2, 1 / 2], [0, 0, 1]]),
    ),
    4: (
        np.array([[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]),
        np.array(
            [
                [4, 0, -5, 0, 1, 0],
                [0, -4, -4, 1, 1, 0],
                [0, 4, -4, -1, 1, 0],
                [0, -2, -1, 2, 1, 0],
                [0, 2, -1, -2, 1, 0],
                [0, 4, 0, -5, 0, 1],
            ]
        ),
        np.array(
            [
                [1 / 4, 0, 0],
                [-1 / 6, -1 / 6, -1 / 6],
                [-1 / 6, 1 / 6, -1 / 6],
                [1 / 24, 1 / 12, 1 / 6],
                [1 / 24, -1 / 12, 1 / 6],
                [0, 0, 1],
            ]
        ),
    ),
}


def conv2d_winograd(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    output_size: Pair,
    matrices: tuple[np.ndarray, np.ndarray, np.ndarray] = WINOGRAD[4],
) -> np.ndarray:
    """Convolve 3 x 3, stride 1, by Winograd's minimal filtering F(m x m, 3 x 3) with its matrices A', B', G.

    Overlapping input tiles d of (m + 2)^2 cells and kernels g: out = A' ((G g G') * (B' d B)) A, and the sum over
    channels stands inside the brackets, where each of the (m + 2)^2 places is a product of matrices. A dilation d
    splits the picture into d * d interleaved ones of dilation 1.
    """
    if weight.shape[2:] != (3, 3) or stride != (1, 1):
        raise ValueError(f"kernel {weight.shape[2:]}, stride {stride}: expected (3, 3) and (1, 1)")
    A, B, G = (matrix.astype(x.dtype) for matrix in matrices)
    rows, channels = weight.shape[:2]
    places = (G @ weight @ G.T).reshape(groups, rows // groups, channels, len(B), len(B))
    padded = _padded(x, (3, 3), stride, padding, dilation, output_size)
    output = np.empty((x.shape[0], rows, *output_size), x.dtype)
    for a in range(dilation[0]):
        for b in range(dilation[1]):
            part = output[:, :, a :: dilation[0], b :: dilation[1]]
            part[...] = _winograd_part(padded[:, :, a :: dilation[0], b :: dilation[1]], places, A, B, part.shape[2:])
    return _with_bias(output, bias)


def _winograd_part(padded: np.ndarray, places: np.ndarray, A: np.ndarray, B: np.ndarray, size: Pair) -> np.ndarray:
    """Return the outputs (N, K, *size) of one interleaved picture; places are (G, K / G, C / G, t + 2, t + 2)."""
    tile = A.shape[0]
    n, (groups, rows, channels) = padded.shape[0], places.shape[:3]
    across, down = -(-size[1] // tile), -(-size[0] // tile)
    if not across * down:
        return np.zeros((n, groups * rows, *size), padded.dtype)
    whole = np.zeros((n, groups, channels, down * tile + 2, across * tile + 2), padded.dtype)
    cells = padded[:, :, : whole.shape[3], : whole.shape[4]]
    whole[..., : cells.shape[2], : cells.shape[3]] = cells.reshape(n, groups, channels, *cells.shape[2:])
    # (N, G, C / G, down, across, t + 2, t + 2): neighbouring tiles share two rows or columns.
    tiles = np.lib.stride_tricks.sliding_window_view(whole, (tile + 2, tile + 2), (3, 4))[..., ::tile, ::tile, :, :]
    transformed = np.moveaxis(B @ tiles @ B.T, (2, 5, 6), (4, 2, 3)).reshape(
        n, groups, tile + 2, tile + 2, channels, down * across
    )
    products = np.moveaxis(places, (3, 4), (1, 2)) @ transformed  # (N, G, t + 2, t + 2, K / G, tiles)
    sums = A @ np.moveaxis(products, (2, 3), (4, 5)) @ A.T  # (N, G, K / G, tiles, t, t)
    sums = sums.reshape(n, groups * rows, down, across, tile, tile).swapaxes(3, 4)
    return sums.reshape(n, groups * rows, down * tile, across * tile)[:, :, : size[0], : size[1]]


def conv_transpose2d_zero_insertion(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    output_size: Pair,
) -> np.ndarray:
    """Transposed convolution as a convolution of stride 1: s - 1 zeros between the input cells, the kernel turned.

    Padding by d*(k - 1) - p puts the output's first cell where the scatter would; a negative one cuts rows off.
    """
    (n, channels, height, width), (_, rows, kh, kw) = x.shape, weight.shape
    spread = np.zeros((n, channels, (height - 1) * stride[0] + 1, (width - 1) * stride[1] + 1), x.dtype)
    spread[:, :, :: stride[0], :: stride[1]] = x
    before = [d * (k - 1) - p for d, k, p in zip(dilation, (kh, kw), padding, strict=True)]
    spread = spread[:, :, max(-before[0], 0) :, max(-before[1], 0) :]
    turned = weight[:, :, ::-1, ::-1].reshape(groups, channels // groups, rows, kh, kw).swapaxes(1, 2)
    turned = turned.reshape(groups * rows, channels // groups, kh, kw)
    border = (max(before[0], 0), max(before[1], 0))
    return conv2d(spread, turned, bias, (1, 1), border, dilation, groups, output_size)


def convolution_matrix(
    weight: np.ndarray, input_size: Pair, stride: Pair, padding: Pair, dilation: Pair, groups: int, output_size: Pair
) -> np.ndarray:
    """Return the matrix M (K * OH * OW, C * H * W) with ``M @ x.ravel() == conv2d(x, ...).ravel()`` for one picture.

    Column by column, as of any linear map: the answers to the unit vectors.
    """
    channels = weight.shape[1] * groups
    cells = channels * input_size[0] * input_size[1]
    units = np.eye(cells, dtype=weight.dtype).reshape(cells, channels, *input_size)
    return conv2d(units, weight, None, stride, padding, dilation, groups, output_size).reshape(cells, -1).T


def conv_transpose2d_matrix(
    x: np.ndarray,
    weight: np.ndarray,
    bias: np.ndarray | None,
    stride: Pair,
    padding: Pair,
    dilation: Pair,
    groups: int,
    output_size: Pair,
) -> np.ndarray:
    """Transposed convolution by its name: M' @ x, where M is the matrix of the convolution from the output to x."""
    channels = weight.shape[1] * groups
    matrix = convolution_matrix(weight, output_size, stride, padding, dilation, groups, x.shape[2:])
    output = x.reshape(x.shape[0], matrix.shape[0]) @ matrix
    return _with_bias(output.reshape(x.shape[0], channels, *output_size), bias)


def _padded(x: np.ndarray, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair, output_size: Pair) -> np.ndarray:
    """Return x with zeros around it: `padding` before, and after as much as the last window needs."""
    last = [
        (size - 1) * s + (k - 1) * d + 1 for size, s, k, d in zip(output_size, stride, kernel, dilation, strict=True)
    ]
    size = [max(n + p, length) for n, p, length in zip(x.shape[2:], padding, last, strict=True)]
    padded = np.zeros((*x.shape[:2], *size), x.dtype)
    padded[:, :, padding[0] : padding[0] + x.shape[2], padding[1] : padding[1] + x.shape[3]] = x
    return padded


def _scattered(n: int, size: int, s: int, p: int, d: int, u: int) -> tuple[slice, slice]:
    """Return the cells of one axis of the input that kernel cell u brings into the output, and where they go."""
    shift = u * d - p
    first = max(0, -(shift // s))  # the first i with i*s + shift >= 0
    last = max(first, min(n, (size - 1 - shift) // s + 1))
    begin = first * s + shift
    return slice(first, last), slice(begin, begin + max((last - first - 1) * s + 1, 0), s) if last > first else slice(
        0, 0
    )


def _cells(padded: np.ndarray, cell: Pair, stride: Pair, dilation: Pair, output_size: Pair) -> np.ndarray:
    """Return the view (N, C, OH, OW) of the cells that kernel cell (u, v) meets in every window."""
    rows, columns = (
        slice(k * d, k * d + (size - 1) * s + 1, s)
        for k, d, s, size in zip(cell, dilation, stride, output_size, strict=True)
    )
    return padded[:, :, rows, columns]


def _with_bias(output: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """Return output + bias, one number a channel."""
    return output if bias is None else output + bias[:, None, None]
