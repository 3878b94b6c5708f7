"""Priors of log alpha as a function of the coordinates: linear, or a Gaussian process."""
