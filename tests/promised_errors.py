"""Which errors the docstring of a function promises."""

import inspect
import re
from collections.abc import Callable


def promised_errors(function: Callable) -> set[str]:
    """Return the names of the errors in the section Raises of a docstring."""
    text = inspect.getdoc(function) or ""
    section = re.search(r"^Raises\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", text, re.MULTILINE | re.DOTALL)
    heads = [line for line in section[1].splitlines() if line and not line[0].isspace()] if section else []
    return set(re.findall(r"\w+Error", "\n".join(heads)))
