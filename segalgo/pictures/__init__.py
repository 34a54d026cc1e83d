"""Picture files: the one place that reads and writes them, for arrays, label maps, data sets and commands alike."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
