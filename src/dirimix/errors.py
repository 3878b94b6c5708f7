"""What can go wrong, by name."""


class InputError(ValueError):
    """The input is not what was expected; the message says what was, and how to mend it."""


class NotConverged(RuntimeError):
    """A sampler's result failed its convergence checks and must not be read as an answer."""


class ConvergenceWarning(UserWarning):
    """A posterior was returned although its convergence checks failed."""


class CorrectionOverlapWarning(UserWarning):
    """Corrected models are mixed on rows that trained the correction."""


class DroppedRowsWarning(UserWarning):
    """Some rows could not be used; the message says how many and why."""
