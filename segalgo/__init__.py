"""Image segmentation, every operation three times: NumPy reference, Cython kernel, CUDA kernel.

Names are loaded when first used, so importing the package is quick and never imports CuPy, scikit-image or
matplotlib. The one list of public names is the stub ``__init__.pyi``.
"""

import lazy_loader

from segalgo._version import __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]
