"""NDE Studio: from measured time series to equations a person can read, trust and use elsewhere."""

__version__ = "0.1.0"
