"""Likelihood of an observation with the weights of its site integrated out (marginalised).

`density.Likelihood` is the entrance; its loops are compiled by Numba and called from JAX.
"""
