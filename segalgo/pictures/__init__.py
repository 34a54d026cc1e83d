"""Picture files: reading, writing, conversion to grey."""
