"""How the window feels, measured."""
