"""Which field a local mixture asks for, by name."""

from collections.abc import Sequence

import numpy as np

from dirimix.errors import InputError
from dirimix.estimators.fields.field import AbstractField
from dirimix.estimators.fields.gaussian_process import DenseField
from dirimix.estimators.fields.hilbert import make_hilbert_field
from dirimix.estimators.fields.lattice import make_lattice_field
from dirimix.estimators.fields.length_scale import LengthScalePrior
from dirimix.estimators.fields.linear import LinearField

_DENSE_SITES = 1000  # that a dense process serves
_PRODUCTS = {"lattice": make_lattice_field, "hilbert": make_hilbert_field}


def make_field(
    x: np.ndarray,
    n_models: int,
    *,
    field: str,
    form: str,
    length_scale: Sequence[Sequence[float]] | None,
) -> AbstractField:
    """The field of log concentrations that `LocalDirichletMixture` describes.

    Args:
        x: Training sites, (n, q).
        n_models: K.
        field: 'linear' or 'gp'.
        form: Of the process: 'auto', 'lattice', 'hilbert' or 'dense'.
        length_scale: (low, high) for each coordinate, in its unit; None for the default prior.

    Raises:
        InputError: If there is no such field, or it does not serve these sites.
    """
    n, q = x.shape
    if not q:
        raise InputError("a local mixture needs coordinates; name at least one in coords")
    if field == "linear" and length_scale is not None:
        raise InputError("field='linear' has no length scale; leave length_scale out")
    if field == "linear":
        return LinearField(x, n_models)
    if field != "gp":
        raise InputError(f"field is 'linear' or 'gp', not {field!r}")
    prior = _length_prior(x, length_scale)
    chosen = ("lattice" if q <= 2 else "dense") if form == "auto" else form
    if chosen == "dense" and n <= _DENSE_SITES:
        return DenseField(x, n_models, prior)
    if chosen in _PRODUCTS and q <= 2:
        return _PRODUCTS[chosen](x, n_models, prior)
    raise InputError(
        f"form is 'auto', 'lattice' or 'hilbert' (one or two coordinates) or 'dense' (up to "
        f"{_DENSE_SITES} sites); {form!r} does not serve {q} coordinates of {n} sites"
    )


def _length_prior(
    x: np.ndarray, length_scale: Sequence[Sequence[float]] | None
) -> LengthScalePrior:
    if length_scale is None:
        return LengthScalePrior.of_sites(x)
    bounds = np.asarray(length_scale, dtype=float)
    if bounds.shape != (x.shape[1], 2) or not (0 < bounds[:, 0]).all():
        raise InputError(
            f"length_scale needs (low, high) for each of the {x.shape[1]} coordinates, with "
            f"0 < low < high, not {length_scale!r}"
        )
    if not (bounds[:, 0] < bounds[:, 1]).all():
        raise InputError(f"length_scale needs low < high, not {length_scale!r}")
    return LengthScalePrior.between(bounds[:, 0], bounds[:, 1])
