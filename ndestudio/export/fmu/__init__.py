"""Functional Mock-up Units: the description of a model as XML, its formulas as a table for one interpreter in C.

`native/` is that interpreter, built beforehand for each platform (`tools/fmu_binaries.py`); a model is data to it.
"""
