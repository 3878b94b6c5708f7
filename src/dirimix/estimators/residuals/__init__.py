"""What the Gaussian processes of residuals are made of: their kernel, and a form for many sites."""
