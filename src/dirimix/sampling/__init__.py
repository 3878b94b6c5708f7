"""Hamiltonian Monte Carlo for any log density, and whether its draws may be read."""
