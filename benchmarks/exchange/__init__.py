"""The public suites of model exchange: how many of their cases come out as they should.

python -m benchmarks.exchange [SUITE ...]
"""
