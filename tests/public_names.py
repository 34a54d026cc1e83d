"""The public functions and classes of segalgo, read from the one list of them."""

from types import ModuleType

import segalgo

PUBLIC = [name for name in segalgo.__all__ if name[0] != "_" and not isinstance(getattr(segalgo, name), ModuleType)]
FUNCTIONS = [name for name in PUBLIC if not isinstance(getattr(segalgo, name), type)]
