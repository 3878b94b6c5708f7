"""Data in: a table of sites, with coordinates, model values and observations, all checked.

`table.make_table` is the only way from a frame to the arrays that estimators use.
"""
