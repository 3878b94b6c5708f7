"""Laws of log alpha over the coordinates."""
