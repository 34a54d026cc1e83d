"""The error and the warning of picture files."""


class PictureError(ValueError):
    """A file that cannot be read as a picture, or a place that cannot be written; the message names it."""


class PictureWarning(UserWarning):
    """What was decided where a picture file can be read in more than one way; the message names the file."""


class UnreadableError(ValueError):
    """Why a file is not read, without its name, which the reader adds to make a `PictureError`."""
