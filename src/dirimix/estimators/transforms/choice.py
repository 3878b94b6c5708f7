"""Which transform a fit uses; lambda of Box-Cox is found from its rows."""

import numpy as np
from scipy.optimize import minimize_scalar

from dirimix._arguments import check_choice
from dirimix.estimators.transforms.domain import refuse_outside
from dirimix.laws.simplex import simplex_least_squares
from dirimix.laws.transform_names import NO_TRANSFORM, TRANSFORMS
from dirimix.laws.transforms import (
    AbstractTransform,
    BoxCox,
    Identity,
    Log,
    LogOnePlus,
    SquareRoot,
)
from dirimix.table.selection import observed
from dirimix.table.table import Table

_FIXED: dict[str, type[AbstractTransform]] = {
    NO_TRANSFORM: Identity,
    "log": Log,
    "log1p": LogOnePlus,
    "sqrt": SquareRoot,
}
_GRID = np.linspace(0.0, 1.0, 11)  # of lambda; below 0 the mean of a normal law is infinite
_EXACT = 1e-12  # residuals smaller than this beside the values leave no noise to measure


def checked_name(name: object) -> str:
    """The name of a transform, or of one that was chosen; that of none for None.

    Raises:
        InputError: If it is not known.
    """
    if name is None:
        return NO_TRANSFORM
    if isinstance(name, AbstractTransform):
        return str(name)
    check_choice(name, "y_transform", TRANSFORMS)
    return str(name)


def choose_transform(
    given: str | AbstractTransform | None, table: Table, target: str | None = None
) -> AbstractTransform:
    """The transform of a name, for the rows of a fit, or one that was chosen before.

    The target of the rows may have a name too.

    Raises:
        InputError: If there is none of that name, or a value has no place in it.
    """
    name = checked_name(given)
    refuse_outside(table, name, target)
    if isinstance(given, AbstractTransform):
        return given
    return _likeliest_box_cox(table) if name == "box-cox" else _FIXED[name]()


def in_words(transform: AbstractTransform) -> str:
    """What a transform is, with what was found from the data.

    >>> in_words(BoxCox(0.25, 3.0))
    'box-cox, lambda 0.25 from the training rows, y in units of their geometric mean 3'
    """
    if isinstance(transform, BoxCox):
        return (
            f"box-cox, lambda {transform.power:.3g} from the training rows, y in units of their "
            f"geometric mean {transform.unit:.3g}"
        )
    return str(transform)


def _likeliest_box_cox(table: Table) -> BoxCox:
    """Box-Cox of the lambda in [0, 1] under which the best constant mixture is likeliest.

    Its noise is normal, of one size, in the transformed scale; the likelihood is that of y.
    """
    y = observed(table)
    unit = float(np.exp(np.mean(np.log(y))))

    def loss(power: float) -> float:
        transform = BoxCox(power, unit)
        z = transform.to(y)
        f = transform.to(np.where(table.known, table.f, 1.0))
        mean = np.sum(np.where(table.known, f, 0.0), axis=1) / table.known.sum(axis=1)
        f = np.where(table.known, f, mean[:, None])
        variance = np.mean((z - f @ simplex_least_squares(f, z)) ** 2)
        least = (_EXACT * np.std(z)) ** 2 + np.finfo(float).tiny
        return len(y) / 2 * np.log(max(variance, least)) - np.sum(transform.log_jacobian(y))

    best = int(np.argmin([loss(power) for power in _GRID]))
    bounds = _GRID[max(best - 1, 0)], _GRID[min(best + 1, len(_GRID) - 1)]
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    # the search stays off its bounds, which may be best
    power = min((float(found.x), float(_GRID[best])), key=loss)
    return BoxCox(power, unit)
