"""Tables of known content in random dialects, and a judge of what ``load`` makes of them.

``python -m tests.data.dialects 10000`` makes so many files, reads each and counts what was read right, asked about, and
read wrong in silence (see ``__main__``).
"""
