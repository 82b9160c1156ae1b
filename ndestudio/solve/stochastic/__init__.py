"""Solvers of stochastic differential equations: Brownian paths by seed, methods, and which suits which equations."""
