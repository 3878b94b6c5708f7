"""Numbers as the page writes them."""

from dirimix.table.values import quantity_text


def number(value: float | None, digits: int = 3) -> str:
    """A number for a table cell, a dash where it is not known.

    >>> number(-0.12345), number(7), number(None)
    ('−0.123', '7', '–')
    """
    if value is None:
        return "–"
    return f"{value:d}" if isinstance(value, int) else f"{value:.{digits}f}".replace("-", "−")


def quantity(value: float | None) -> str:
    """The same for a number in the unit of the target, which may be small or large.

    >>> quantity(-0.12345), quantity(9.381e-29), quantity(None)
    ('−0.123', '9.38e−29', '–')
    """
    if value is None or isinstance(value, int):
        return number(value)
    return quantity_text(value).replace("-", "−")
