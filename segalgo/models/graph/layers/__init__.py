"""The vocabulary of networks: one record for each layer, in files by subject.

A network's ``forward(layers, x)`` calls ``layers.conv2d(x, "name", 64, 3, padding=1)``: inputs, name, then the options,
which are the fields of the record. To add a layer, add a record to a file here; nothing else has to know of it, and
files are found by themselves.

Shapes are (N, C, H, W) for pictures and any rank for the layers of attention. Sizes are computed by
`segalgo.layers.sizes`, results by the public functions.
"""

import pkgutil
from importlib import import_module

for _module in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
