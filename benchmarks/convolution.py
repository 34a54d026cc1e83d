"""Convolution and transposed convolution beside PyTorch: time, GFLOP/s of the direct formula, peak scratch memory."""

import time
import tracemalloc

import numpy as np

import segalgo
from benchmarks.harness import peer

# name: input channels, output channels, kernel, input size, stride, padding, dilation
CONVOLUTIONS = {
    "3x3 64->64 @256": (64, 64, 3, 256, 1, 1, 1),
    "3x3 256->256 @64": (256, 256, 3, 64, 1, 1, 1),
    "3x3 dilation 2 256->256 @64": (256, 256, 3, 64, 1, 2, 2),
    "7x7 stride 2 3->64 @512": (3, 64, 7, 512, 2, 3, 1),
    "1x1 512->128 @64": (512, 128, 1, 64, 1, 0, 1),
}
# name: input channels, output channels, kernel, input size, stride, padding
TRANSPOSED = {
    "k2 s2 128->64 @128": (128, 64, 2, 128, 2, 0),
    "k4 s2 p1 128->64 @128": (128, 64, 4, 128, 2, 1),
    "k16 s8 21->21 @64": (21, 21, 16, 64, 8, 0),
}


def arrays(*shapes):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape, dtype=np.float32) for shape in shapes]


def conv2d_case(name):
    """Return input, weight and keywords of a case, and the operations of the direct formula."""
    channels, out_channels, kernel, size, stride, padding, dilation = CONVOLUTIONS[name]
    x, weight = arrays((1, channels, size, size), (out_channels, channels, kernel, kernel))
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    rows, columns = segalgo.output_size("conv2d", (size, size), kernel_size=kernel, **options)
    return x, weight, options, 2 * rows * columns * weight.size


def conv_transpose2d_case(name):
    channels, rows, kernel, size, stride, padding = TRANSPOSED[name]
    x, weight = arrays((1, channels, size, size), (channels, rows, kernel, kernel))
    return x, weight, {"stride": stride, "padding": padding}, 2 * size * size * weight.size


def rate(call, operations):
    """Return GFLOP/s, the best of a few calls."""
    seconds = []
    for _ in range(7):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return operations / min(seconds) / 1e9


def scratch(call):
    """Return the peak MiB of one call beyond its output."""
    call()
    tracemalloc.start()
    output = call()
    peak = tracemalloc.get_traced_memory()[1] - output.nbytes
    tracemalloc.stop()
    return peak / 2**20


def close(got, expected):
    return np.abs(got - expected).max() < 1e-4 * np.abs(expected).max()


class Conv2d:
    """Batch 1, float32; weights packed in every call."""

    param_names = ("case", "implementation")
    params = (tuple(CONVOLUTIONS), ("segalgo", "torch"))

    def setup(self, case, implementation):
        x, weight, options, self.operations = conv2d_case(case)
        if implementation == "segalgo":
            self.call = lambda: segalgo.conv2d(x, weight, **options)
        else:
            torch = peer("torch")
            tensors = torch.from_numpy(x), torch.from_numpy(weight)
            self.call = lambda: torch.nn.functional.conv2d(*tensors, **options)
            assert close(self.call().numpy(), segalgo.conv2d(x, weight, **options))

    def time_conv2d(self, case, implementation):
        self.call()

    def track_gflops(self, case, implementation):
        return rate(self.call, self.operations)


class PreparedConv2d(Conv2d):
    """Weights packed once."""

    def setup(self, case, implementation):
        super().setup(case, implementation)
        if implementation == "segalgo":
            x, weight, options, _ = conv2d_case(case)
            layer = segalgo.prepare_conv2d(weight, **options)
            self.call = lambda: layer(x)


class DirectConv2d(Conv2d):
    """The direct algorithm where another would be chosen: what the table of algorithms rests on."""

    def setup(self, case, implementation):
        super().setup(case, implementation)
        if implementation == "segalgo":
            x, weight, options, _ = conv2d_case(case)
            self.call = lambda: segalgo.conv2d(x, weight, **options, algorithm="direct")


class ConvTranspose2d:
    """Batch 1, float32; weights packed in every call."""

    param_names = ("case", "implementation")
    params = (tuple(TRANSPOSED), ("segalgo", "torch"))

    def setup(self, case, implementation):
        x, weight, options, self.operations = conv_transpose2d_case(case)
        if implementation == "segalgo":
            self.call = lambda: segalgo.conv_transpose2d(x, weight, **options)
        else:
            torch = peer("torch")
            tensors = torch.from_numpy(x), torch.from_numpy(weight)
            self.call = lambda: torch.nn.functional.conv_transpose2d(*tensors, **options)
            assert close(self.call().numpy(), segalgo.conv_transpose2d(x, weight, **options))

    def time_conv_transpose2d(self, case, implementation):
        self.call()

    def track_gflops(self, case, implementation):
        return rate(self.call, self.operations)


class Scratch:
    """Peak memory beyond input and output, MiB: packed weights and tiles. It must not grow with the picture."""

    param_names = ("case",)
    params = ((*CONVOLUTIONS, "3x3 64->64 @1024", "3x3 64->64 direct @1024", *TRANSPOSED),)
    unit = "MiB"

    def setup(self, case):
        if case in TRANSPOSED:
            x, weight, options, _ = conv_transpose2d_case(case)
            self.call = lambda: segalgo.conv_transpose2d(x, weight, **options)
            return
        if case in CONVOLUTIONS:
            x, weight, options, _ = conv2d_case(case)
        else:
            x, weight = arrays((1, 64, 1024, 1024), (64, 64, 3, 3))
            options = {"padding": 1, "algorithm": "direct" if "direct" in case else "auto"}
        self.call = lambda: segalgo.conv2d(x, weight, **options)

    def track_scratch(self, case):
        return scratch(self.call)


def main():
    """Print GFLOP/s and scratch of every case: ``python -m benchmarks.convolution``."""
    for benchmark in (Conv2d, PreparedConv2d, DirectConv2d, ConvTranspose2d):
        for case in benchmark.params[0]:
            rates = []
            for implementation in ("segalgo", "torch"):
                instance = benchmark()
                instance.setup(case, implementation)
                rates.append(f"{implementation} {instance.track_gflops(case, implementation):6.0f} GFLOP/s")
            print(f"{benchmark.__name__:16s} {case:28s} {'   '.join(rates)}", flush=True)
    for case in Scratch.params[0]:
        instance = Scratch()
        instance.setup(case)
        print(f"{'Scratch':16s} {case:28s} {instance.track_scratch(case):6.1f} MiB", flush=True)


if __name__ == "__main__":
    main()
