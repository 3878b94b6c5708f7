"""The transforms by name, for who needs no more of them: nothing heavy is imported here."""

# pyright: strict

NO_TRANSFORM = "none"
TRANSFORMS = (NO_TRANSFORM, "log", "log1p", "sqrt", "box-cox")
TAKE_ZERO = ("log1p", "sqrt")  # those of an observation or a model value of 0
