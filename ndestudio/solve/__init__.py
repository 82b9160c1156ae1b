"""Solvers of initial-value problems: tableaus, time grids, one stage loop per backend, stiffness."""
