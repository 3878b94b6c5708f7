"""Mixtures made of parts: weights, discrepancy and noise as Gaussian latent fields."""
