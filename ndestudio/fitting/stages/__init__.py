"""The stages of training, each usable alone."""
