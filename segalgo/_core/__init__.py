"""What every door shares: checks of arguments, choice of the wing, status of the backends."""
