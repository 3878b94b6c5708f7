"""Quantiles of mixtures of normals."""
