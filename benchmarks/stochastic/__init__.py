"""Stochastic models beside other programs."""
