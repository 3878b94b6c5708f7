"""Which field a local mixture asks for, by name."""

from collections.abc import Sequence

import numpy as np

from dirimix.errors import InputError
from dirimix.estimators.fields.field import AbstractField
from dirimix.estimators.fields.gaussian_process import DenseField
from dirimix.estimators.fields.hilbert import make_hilbert_field
from dirimix.estimators.fields.inducing import make_inducing_field
from dirimix.estimators.fields.lattice import make_lattice_field
from dirimix.estimators.fields.length_scale import LengthScalePrior
from dirimix.estimators.fields.linear import LinearField
from dirimix.table.space import Space

_DENSE_SITES = 1000  # that a dense process serves
_FEW_SITES = 250  # for which it is also the quickest
_PRODUCTS = {"lattice": make_lattice_field, "hilbert": make_hilbert_field}


def make_field(
    x: np.ndarray,
    n_models: int,
    space: Space,
    *,
    field: str,
    form: str,
    length_scale: Sequence[Sequence[float]] | None,
) -> AbstractField:
    """The field of log concentrations that `LocalDirichletMixture` describes.

    Args:
        x: Training sites in straight coordinates, (n, p).
        n_models: K.
        space: What these are.
        field: 'linear' or 'gp'.
        form: Of the process: 'auto', 'lattice', 'hilbert', 'inducing' or 'dense'.
        length_scale: (low, high) for each axis of the space; None for the default prior.

    Raises:
        InputError: If there is no such field, or it does not serve these sites.
    """
    if not space.coords:
        raise InputError("a local mixture needs coordinates; name at least one in coords")
    if field == "linear" and length_scale is not None:
        raise InputError("field='linear' has no length scale; leave length_scale out")
    if field == "linear":
        return LinearField(x, n_models, space.spread(x))
    if field != "gp":
        raise InputError(f"field is 'linear' or 'gp', not {field!r}")
    n, q = len(x), len(space.coords)
    prior, on_axes = _length_prior(x, space, length_scale), space.is_flat and q <= 2
    several = "dense" if n <= _FEW_SITES else "inducing"
    chosen = ("lattice" if on_axes else several) if form == "auto" else form
    if chosen == "dense" and n <= _DENSE_SITES:
        return DenseField(x, n_models, prior, space.axis_of)
    if chosen == "inducing":
        asked = length_scale is not None
        return make_inducing_field(x, n_models, prior, space.axis_of, asked=asked)
    if chosen in _PRODUCTS and on_axes:
        return _PRODUCTS[chosen](x, n_models, prior)
    raise InputError(
        f"form is 'auto', 'lattice' or 'hilbert' (one or two coordinates on lines), 'inducing', or "
        f"'dense' (up to {_DENSE_SITES} sites); {form!r} does not serve {n} sites of "
        f"{', '.join(space.names)}"
    )


def _length_prior(
    x: np.ndarray, space: Space, length_scale: Sequence[Sequence[float]] | None
) -> LengthScalePrior:
    if length_scale is None:
        return LengthScalePrior.of_sites(x, space)
    bounds = np.asarray(length_scale, dtype=float)
    if bounds.shape != (len(space.axes), 2) or not (0 < bounds[:, 0]).all():
        raise InputError(
            f"length_scale needs (low, high) for each of {', '.join(space.names)}, with "
            f"0 < low < high, not {length_scale!r}"
        )
    if not (bounds[:, 0] < bounds[:, 1]).all():
        raise InputError(f"length_scale needs low < high, not {length_scale!r}")
    return LengthScalePrior.between(bounds[:, 0], bounds[:, 1])
