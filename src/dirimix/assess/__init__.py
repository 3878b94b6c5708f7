"""What a fitted method says, as tables: scores, weights, checks."""
