"""Hybrid models whose known part is a simulator: gradients, forecasts, FMUs."""
