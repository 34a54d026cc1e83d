"""Layers of neural networks, with the definitions and argument names of PyTorch's functional API."""
