"""Networks as graphs of layers: description, computation, summary, trace."""
