"""What a kernel moves and where it waits: counts, what the compiler made, floors, and a verdict in words."""
