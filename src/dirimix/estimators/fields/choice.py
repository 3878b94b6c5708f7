"""Which field a local mixture asks for, by name."""

from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from dirimix._arguments import check_choice
from dirimix.errors import InputError
from dirimix.estimators.fields.field import AbstractField
from dirimix.estimators.fields.gaussian_process import DenseField
from dirimix.estimators.fields.hilbert import make_hilbert_field
from dirimix.estimators.fields.inducing import make_inducing_field
from dirimix.estimators.fields.labelled import LabelledField
from dirimix.estimators.fields.lattice import lattice_axes, make_lattice_field
from dirimix.estimators.fields.length_scale import LengthScalePrior
from dirimix.estimators.fields.linear import LinearField
from dirimix.table.space import Space, refuse_categories

_DENSE_SITES = 1000  # that a dense process serves
_NODES_A_SITE, _MOST_NODES = 2, 2000  # that a lattice of three and more coordinates may have
Bounds = Sequence[Sequence[float]]
_PRODUCTS = {"lattice": make_lattice_field, "hilbert": make_hilbert_field}


def check_field(field: str, form: str, length_scale: Bounds | None) -> None:
    """Refuse a field that no sites could have, its arguments as those of `make_field`.

    Raises:
        InputError: If there is no such field or form, or a length scale without low < high.
    """
    if field not in ("linear", "gp"):
        raise InputError(f"field is 'linear' or 'gp', not {field!r}")
    check_choice(form, "form", ("auto", *_PRODUCTS, "inducing", "dense"))
    if field == "linear" and form != "auto":
        raise InputError(f"field='linear' is no process and has no form; leave form={form!r} out")
    if length_scale is None:
        return
    if field == "linear":
        raise InputError("field='linear' has no length scale; leave length_scale out")
    try:
        bounds = np.asarray(length_scale, dtype=float)
    except (TypeError, ValueError):
        bounds = np.empty(0)
    if bounds.ndim != 2 or bounds.shape[-1] != 2 or not _ordered(bounds):
        raise InputError(
            "length_scale is a list of (low, high), one for each coordinate, with 0 < low < high, "
            f"not {length_scale!r}"
        )


def _ordered(bounds: np.ndarray) -> bool:
    low, high = bounds.T
    return bool(np.all((0 < low) & (low < high) & (high < np.inf)))


def make_field(
    x: np.ndarray,
    n_models: int,
    space: Space,
    *,
    field: str,
    form: str,
    length_scale: Bounds | LengthScalePrior | None,
) -> AbstractField:
    """The field of log concentrations that `LocalDirichletMixture` describes.

    Args:
        x: Training sites: p straight coordinates, then one code a category, (n, p + c).
        n_models: K.
        space: What these are.
        field: 'linear' or 'gp'.
        form: Of the process: 'auto', 'lattice', 'hilbert', 'inducing' or 'dense'.
        length_scale: (low, high) for each axis of the space; None for the default prior, or another
            default.

    Raises:
        InputError: If there is no such field, or it does not serve these sites.
    """
    return _maker(x, n_models, space, field, form, length_scale)()


def check_sites(
    x: np.ndarray, space: Space, field: str, form: str, length_scale: Bounds | None
) -> None:
    """Refuse a field that does not serve these sites, its arguments as those of `make_field`.

    Raises:
        InputError: If it does not.
    """
    _maker(x, 2, space, field, form, length_scale)


def _maker(
    x: np.ndarray,
    k: int,
    space: Space,
    field: str,
    form: str,
    length_scale: Bounds | LengthScalePrior | None,
) -> Callable[[], AbstractField]:
    """What makes the field, all that may be refused behind it."""
    if not space.coords:
        raise InputError("a local mixture needs coordinates; name at least one in coords")
    asked = None if isinstance(length_scale, LengthScalePrior) else length_scale
    check_field(field, form, asked)
    if field == "linear":
        straight = x[:, : len(space.features)]
        line = LinearField(straight, k, space.spread(straight))
        labels = space.categories
        return lambda: LabelledField(x, k, line, labels) if labels else line
    refuse_categories(space, "a Gaussian process (field='gp')")
    n, q = len(x), len(space.coords)
    prior = _length_prior(x, space, length_scale)
    most = min(_NODES_A_SITE * n, _MOST_NODES)
    on_axes = space.is_flat and (q <= 2 or _nodes(x, prior) <= most)
    chosen = ("lattice" if on_axes else "inducing") if form == "auto" else form
    if chosen == "dense" and n <= _DENSE_SITES:
        return lambda: DenseField(x, k, prior, space.axis_of)
    if chosen == "inducing":
        return lambda: make_inducing_field(x, k, prior, space.axis_of, asked=asked is not None)
    if on_axes and (chosen == "lattice" or (chosen == "hilbert" and q <= 2)):
        return lambda: _PRODUCTS[chosen](x, k, prior)
    raise InputError(
        f"form is 'auto', 'lattice' (one or two coordinates on lines, or more whose values repeat "
        f"as on a grid), 'hilbert' (one or two), 'inducing', or 'dense' (up to {_DENSE_SITES} "
        f"sites); {form!r} does not serve {n} sites of {', '.join(space.names)}"
    )


def _nodes(x: np.ndarray, prior: LengthScalePrior) -> int:
    """How many a lattice over these sites would have."""
    return prod(len(axis) for axis in lattice_axes(x, prior))


def _length_prior(
    x: np.ndarray, space: Space, length_scale: Bounds | LengthScalePrior | None
) -> LengthScalePrior:
    if isinstance(length_scale, LengthScalePrior):
        return length_scale
    if length_scale is None:
        return LengthScalePrior.of_sites(x, space)
    bounds = np.asarray(length_scale, dtype=float)
    if len(bounds) != len(space.axes):
        raise InputError(
            f"length_scale needs (low, high) for each of {', '.join(space.names)}, not "
            f"{length_scale!r}"
        )
    return LengthScalePrior.between(bounds[:, 0], bounds[:, 1])
