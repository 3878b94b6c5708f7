"""The fits of a study at work: one, several side by side, or on a Dask cluster."""
