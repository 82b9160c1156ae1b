"""Formulas for the drift and the diffusion of stochastic models."""
