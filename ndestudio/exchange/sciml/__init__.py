"""The extension SciML of PEtab: networks in files, and where a problem has them."""
