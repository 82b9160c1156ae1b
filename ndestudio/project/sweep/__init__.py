"""Sweeps: one spec with some of its settings varied, computed by an executor, kept as a table that grows."""
