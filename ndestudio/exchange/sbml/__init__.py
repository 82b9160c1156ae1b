"""SBML Levels 2 and 3 by libsbml: read into a ``KineticModel`` and written from one."""
