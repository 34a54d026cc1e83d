"""Data sets in the layouts in which they are downloaded: lazy sequences of pictures with label maps.

`open_dataset` finds out which data set a folder holds. A sample has ``image``, ``labels`` (class indices, 255 =
ignore), ``instances``, ``class_names`` and ``colors``, and reads each file when it is asked for.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
