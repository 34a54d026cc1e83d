"""Judge any kernel against the references: `check` a function, `check_kernel` CUDA source, with or without a GPU.

Names are loaded when first used, as those of the library are.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
