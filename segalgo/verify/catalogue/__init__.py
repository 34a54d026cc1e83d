"""Cases, truth and bounds of every operation, one module a topic: each offers a tuple ``OPERATIONS``."""
