"""The simulated CUDA device: compiles a ``.cu`` file for the processor and runs it strictly."""
