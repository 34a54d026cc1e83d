"""The one exception of reading weight files."""


class WeightsError(ValueError):
    """A file that cannot be read as weights; the message names file and reason."""
