"""A study file: read, its fits run as jobs, and their tables collected in an output folder."""
