"""A fitted method as tables: scores, weights, cross-validation, leave-one-out, sensitivity."""
