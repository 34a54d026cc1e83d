"""Networks for segmentation, written to be read and built from the public operations of segalgo alone."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
