"""PEtab problems, versions 1 and 2 and the extension SciML: read, evaluated, fitted.

Schmiester et al. 2021, PEtab - Interoperable specification of parameter estimation problems in systems biology, PLoS Comput.
Biol. 17, e1008646; version 2 and SciML: petab.readthedocs.io and petab-sciml.readthedocs.io (2026).
"""
