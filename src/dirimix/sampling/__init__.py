"""Hamiltonian Monte Carlo (HMC) for any log density, and whether its chains have converged.

`sampler.sample` is the entrance; `target` says what a log density must offer.
"""
