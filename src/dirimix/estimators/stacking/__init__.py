"""Mixtures of the predictive densities of methods, scored on regions that were held out."""
