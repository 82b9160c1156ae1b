"""Between a table and a dataset: what each column and row is for, and tables of other shapes turned into wide ones."""
