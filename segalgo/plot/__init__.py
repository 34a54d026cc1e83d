"""Overlays, class maps, histograms, confusion matrices and traces of networks, drawn as pictures and figures.

`overlay` and `blur_background` return pictures as arrays. The ``show_...`` functions draw with matplotlib (extra
``plot``): ``ax=`` in, axes out; without ``ax`` they make a figure.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
