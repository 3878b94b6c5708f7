"""The part of a table that a candidate uses, and how much of it."""

# pyright: strict, reportMissingTypeStubs=false, reportUnknownMemberType=false

from collections.abc import Mapping

import numpy as np

from dirimix.errors import InputError
from dirimix.estimators.base import AbstractMixture
from dirimix.table.selection import fitted_rows
from dirimix.table.table import Table


def own_table(member: AbstractMixture, table: Table) -> Table:
    """The table with the models that a candidate uses: all, or one.

    Raises:
        InputError: If that one has no value in a row.
    """
    if len(member.models) == len(table.models):
        return table
    model = member.models[0]
    alone = table.alone(table.models.index(model))
    for row in np.flatnonzero(~alone.known[:, 0])[:1]:
        raise InputError(
            f"a candidate such as raw uses model {model!r} alone, and it has no value at row "
            f"{table.number(int(row))}; leave that candidate out of candidates, or such rows out "
            "of the table"
        )
    return alone


def most_rows(members: Mapping[str, AbstractMixture], table: Table) -> int:
    """Rows that the member which uses the most of them is fitted to."""
    return max(
        int(fitted_rows(own_table(m, table).known, complete=m.complete_only).sum())
        for m in members.values()
    )
