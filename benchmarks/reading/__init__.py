"""Reading files, side by side with polars."""
