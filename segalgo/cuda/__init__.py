"""The CUDA wing: launch code, one module a topic; the kernels are the ``.cu`` files of ``segalgo/_ext``.

Given CuPy arrays it runs on their GPU, given NumPy arrays on the simulated device.
"""
