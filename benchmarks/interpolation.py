"""Interpolation and padding beside PyTorch."""

import segalgo
from benchmarks.beside_torch import BesideTorch, random


class BilinearTwice(BesideTorch):
    """1 x 64 x 256 x 256 to 512 x 512."""

    def arrays(self, dtype):
        return (random(dtype, 1, 64, 256, 256),)

    def ours(self, x):
        return segalgo.interpolate(x, (512, 512), mode="bilinear")

    def theirs(self, f, x):
        return f.interpolate(x, (512, 512), mode="bilinear")


class BilinearAligned(BesideTorch):
    """1 x 64 x 256 x 256 to 385 x 385, corners aligned."""

    def arrays(self, dtype):
        return (random(dtype, 1, 64, 256, 256),)

    def ours(self, x):
        return segalgo.interpolate(x, (385, 385), mode="bilinear", align_corners=True)

    def theirs(self, f, x):
        return f.interpolate(x, (385, 385), mode="bilinear", align_corners=True)


class BilinearHalf(BesideTorch):
    """1 x 64 x 512 x 512 to 256 x 256."""

    def arrays(self, dtype):
        return (random(dtype, 1, 64, 512, 512),)

    def ours(self, x):
        return segalgo.interpolate(x, (256, 256), mode="bilinear")

    def theirs(self, f, x):
        return f.interpolate(x, (256, 256), mode="bilinear")


class AntialiasedHalf(BesideTorch):
    """1 x 64 x 512 x 512 to 256 x 256, bilinear, antialiased."""

    def arrays(self, dtype):
        return (random(dtype, 1, 64, 512, 512),)

    def ours(self, x):
        return segalgo.interpolate(x, (256, 256), mode="bilinear", antialias=True)

    def theirs(self, f, x):
        return f.interpolate(x, (256, 256), mode="bilinear", antialias=True)


class AntialiasedBicubic(BesideTorch):
    """1 x 3 x 1024 x 1024 to 224 x 224, bicubic, antialiased."""

    def arrays(self, dtype):
        return (random(dtype, 1, 3, 1024, 1024),)

    def ours(self, x):
        return segalgo.interpolate(x, (224, 224), mode="bicubic", antialias=True)

    def theirs(self, f, x):
        return f.interpolate(x, (224, 224), mode="bicubic", antialias=True)


class NearestTwice(BesideTorch):
    """1 x 64 x 256 x 256 to 512 x 512."""

    def arrays(self, dtype):
        return (random(dtype, 1, 64, 256, 256),)

    def ours(self, x):
        return segalgo.interpolate(x, (512, 512))

    def theirs(self, f, x):
        return f.interpolate(x, (512, 512))


class NearestExact(BesideTorch):
    """1 x 64 x 256 x 256 to 385 x 385."""

    def arrays(self, dtype):
        return (random(dtype, 1, 64, 256, 256),)

    def ours(self, x):
        return segalgo.interpolate(x, (385, 385), mode="nearest-exact")

    def theirs(self, f, x):
        return f.interpolate(x, (385, 385), mode="nearest-exact")


class PadConstant(BesideTorch):
    """1 x 64 x 512 x 512, 3 cells on each side, constant."""

    def arrays(self, dtype):
        return (random(dtype, 1, 64, 512, 512),)

    def ours(self, x):
        return segalgo.pad(x, (3, 3, 3, 3), "constant")

    def theirs(self, f, x):
        return f.pad(x, (3, 3, 3, 3), "constant")


class PadReflect(BesideTorch):
    """1 x 64 x 512 x 512, 3 cells on each side, reflect."""

    def arrays(self, dtype):
        return (random(dtype, 1, 64, 512, 512),)

    def ours(self, x):
        return segalgo.pad(x, (3, 3, 3, 3), "reflect")

    def theirs(self, f, x):
        return f.pad(x, (3, 3, 3, 3), "reflect")


class PadReplicate(BesideTorch):
    """1 x 64 x 512 x 512, 3 cells on each side, replicate."""

    def arrays(self, dtype):
        return (random(dtype, 1, 64, 512, 512),)

    def ours(self, x):
        return segalgo.pad(x, (3, 3, 3, 3), "replicate")

    def theirs(self, f, x):
        return f.pad(x, (3, 3, 3, 3), "replicate")


class PadCircular(BesideTorch):
    """1 x 64 x 512 x 512, 3 cells on each side, circular."""

    def arrays(self, dtype):
        return (random(dtype, 1, 64, 512, 512),)

    def ours(self, x):
        return segalgo.pad(x, (3, 3, 3, 3), "circular")

    def theirs(self, f, x):
        return f.pad(x, (3, 3, 3, 3), "circular")
