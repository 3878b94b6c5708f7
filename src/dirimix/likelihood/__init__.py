"""The density of an observation with the weights of its site integrated out."""
