"""Stochastic models learned by likelihood: transition densities, filters, intervals, residuals."""
