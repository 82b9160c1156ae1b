"""Fits of runs with doses, beside the same without and beside roadrunner."""
