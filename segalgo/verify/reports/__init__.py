"""Results of a verification, as text and as HTML."""
