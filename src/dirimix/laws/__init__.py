"""Probability distributions on plain arrays: predictive laws, noise, Dirichlet, scores' bands."""
