"""Finds the table in the raw rows of a text file or a sheet: header, units, first and last row, columns, instrument."""

from ndestudio.data.tables.finder import Given, find
from ndestudio.data.tables.layout import Block, Clock, Layout, RawRow
from ndestudio.data.tables.view import View

__all__ = ["Block", "Clock", "Given", "Layout", "RawRow", "View", "find"]
