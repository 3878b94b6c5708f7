"""A method of latent fields fitted without each fold of a study's training rows in turn.

Every fit has the priors that the sites of all training rows give, as has the fit to all of them
that is validated: length scales, nodes of the fields, where the noise's covariate has its centre,
components of the models. Whatever is taken from observations, such as the scale of the noise, is
taken from the rows that the fit sees.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property

import numpy as np

from dirimix._arrays import Indices
from dirimix._cores import on_device
from dirimix.estimators.base import AbstractMixture
from dirimix.estimators.fitted import FittedMethod, fit_method, transform_of, unfitted
from dirimix.estimators.latent.held_out import FitsToSome
from dirimix.estimators.latent.mixture import LatentMixture
from dirimix.estimators.transforms.scaled import to_scale
from dirimix.methods import Choice
from dirimix.table.selection import observed
from dirimix.table.split import SplitTable
from dirimix.table.table import Table, make_table


class FoldFits:
    """Fits of one method without parts of the training rows of a table, compiled once."""

    def __init__(
        self, choice: Choice, data: SplitTable, options: Mapping[str, object], seed: int
    ) -> None:
        """Those of a method that this module serves.

        Args:
            choice: The method.
            data: The table with all of its training rows.
            options: Of the method.
            seed: Of every fit.
        """
        self._choice, self._data, self._options, self._seed = choice, data, options, seed

    @cached_property
    def _transform(self) -> str:
        return str(transform_of(self._data, self._options))

    @cached_property
    def _fits(self) -> FitsToSome:
        fits = FitsToSome()
        for member in unfitted(
            self._choice, self._data, self._options, self._seed
        ).members.values():
            fits.prepare(*self._noted(member, self._data))
        return fits

    def fit(self, held: Indices, own: SplitTable) -> FittedMethod:
        """The method fitted without some training rows.

        Args:
            held: Indices of these rows among all training rows.
            own: The data without them in training.

        Raises:
            InputError: If the table is not usable.
        """
        transform = transform_of(own, self._options)
        if str(transform) != self._transform:  # found from the rows, and no change of unit
            return fit_method(self._choice, own, self._options, self._seed)
        fitted = unfitted(self._choice, own, self._options, self._seed)
        seen = np.ones(len(self._data.parts["train"].frame), dtype=bool)
        seen[held] = False
        for member in fitted.members.values():
            mixture, table = self._noted(member, own)
            with on_device(mixture.device):
                self._fits.fit(mixture, table, seen, at_mode=mixture.inference == "mode")
        return fitted

    def _noted(self, member: AbstractMixture, seen: SplitTable) -> tuple[LatentMixture, Table]:
        """The mixture, which notes some training rows, and all of them in the scale of its fit."""
        assert isinstance(member, LatentMixture)
        own, every = seen.parts["train"], self._data.parts["train"]
        member.note(own.frame, observed(own), own.y_err)
        names = member.coords, member.models
        table = make_table(every.frame, *names, observed(every), every.y_err, fitting=True)
        table = replace(table, x=member.space_.canonical(table.x))
        return member, to_scale(table, member.transform_)
