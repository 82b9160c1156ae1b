"""Minimisers on plain vectors."""
