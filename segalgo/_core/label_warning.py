"""The warning of decisions about label values."""


class LabelWarning(UserWarning):
    """What was decided about label values that can mean two things, such as 255 in masks of 0 and 255."""
