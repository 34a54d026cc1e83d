"""Masks as data: run-length codes, polygons, a canvas for labels made by hand, color maps, palette pictures."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
