"""A seeded fuzzer of all public operations, across the wings: ``python -m tests.fuzz --seed 0 --cases 2000``.

A case is drawn from its seed and number alone, so that one case can be run again: ``--case K``. Half of the cases have
arguments that an operation accepts (from the verification catalogue, or from `makers` for what it lacks) in odd memory:
strided, reversed, unaligned, read-only, swapped bytes. In the other half one or two arguments are replaced by something
else. Every wing must answer alike, or refuse with a ValueError or TypeError that names an argument; inputs stay as they
were, and no case crashes, hangs or warns.
"""
