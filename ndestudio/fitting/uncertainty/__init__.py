"""How sure a fit is of its parameters."""
