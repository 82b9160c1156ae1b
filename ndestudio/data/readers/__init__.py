"""One module per file format; each gives a ``Head`` at once and the whole ``Table`` when asked."""
