"""Tables as they come in: columns by name, every value checked."""
