"""What is fitted: unknowns, their transforms, and the data laid out in rows."""
