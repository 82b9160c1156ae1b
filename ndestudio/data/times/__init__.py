"""Times as people and instruments write them: recognised by evidence, read a column at a time."""
