"""The methods that are compared: how they are built, and which can have the noise that is asked."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from dirimix.errors import ChoiceNote, InputError
from dirimix.estimators.base import AbstractMixture
from dirimix.estimators.latent.noise_kind import SampledWhereRouted, check_device, is_plain
from dirimix.estimators.stacking.own_table import own_table
from dirimix.methods import Choice, parse_method
from dirimix.table.table import Table


@runtime_checkable
class HoldsOut(Protocol):
    """A method with a quicker way to leave regions out than to fit anew."""

    def borrow(self, other: AbstractMixture) -> Self: ...

    def held_out(self, table: Table, region: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class Candidates:
    """Methods of the same columns.

    Attributes:
        names: Of the methods.
        coords: Coordinate columns.
        models: Model columns.
        options: Of all methods: the scale of the noise, the scale of the fit.
        places: What the coordinates are, as `Method.build` takes it.
        inference: Of final fits: 'hmc', 'laplace' or 'mode'.
        noise: Options of the noise that were given, for those which can have it.
        device: Of those of latent fields.
        max_seconds: Of the sampling of each.
        seed: Of every fit.
    """

    names: tuple[str, ...]
    coords: tuple[str, ...]
    models: tuple[str, ...]
    options: Mapping[str, Any]
    places: Mapping[str, Any]
    inference: str
    noise: Mapping[str, Any]
    device: str
    max_seconds: float | None
    seed: int

    def build(self, inference: str) -> dict[str, AbstractMixture]:
        """Unfitted candidates by name, one a model where a method fits each by itself."""
        found: dict[str, AbstractMixture] = {}
        kept = self._keep_their_noise()
        for name in self.names:
            found |= self._built(name, inference, {} if name in kept else self.noise)
        return found

    def check(self, table: Table, borrowed: AbstractMixture) -> None:
        """Refuse a table that a candidate would refuse.

        Args:
            table: Training rows in the scale of the fit.
            borrowed: Has what a fit finds in them beforehand.

        Raises:
            InputError: If one would.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the fits will say it
            for member in self.build("mode").values():
                member.borrow(borrowed)._check_table(own_table(member, table))

    def check_noise(self) -> None:
        """Say which candidates cannot have the noise that was given.

        Raises:
            InputError: If none can.
        """
        check_device(self.device, latent=any(_is_latent(name) for name in self.names))
        kept = self._keep_their_noise()
        if not kept:
            return
        given = " and ".join(f"{n}={v!r}" for n, v in self.noise.items())
        names = ", ".join(kept)
        if len(kept) == len(self.names):
            raise InputError(
                f"none of the candidates {names} can have {given}; name others, such as lbmm-lgp, "
                "or leave it out"
            )
        warnings.warn(
            f"{given} is for the other candidates: {names} cannot have it, and what noise they "
            "have stays",
            ChoiceNote,
            stacklevel=5,
        )

    def _built(
        self, name: str, inference: str, noise: Mapping[str, Any]
    ) -> dict[str, AbstractMixture]:
        method = check_candidate(name).method
        options, known = {**self.options, **noise}, method.options()
        if "inference" in known:
            exact = issubclass(method.kind, SampledWhereRouted) and is_plain(method.kind(**noise))
            if inference != "hmc" and not exact:
                options["inference"] = inference
        if "max_seconds" in known and self.max_seconds is not None:
            options["max_seconds"] = self.max_seconds
        if _is_latent(name):
            options["device"] = self.device
        built = method.build(self.coords, self.models, options, self.seed, self.places)
        return {f"{name}:{m}" if m else name: member for m, member in built.items()}

    def _keep_their_noise(self) -> list[str]:
        """The candidates that cannot have the noise that was given."""
        return [n for n in self.names if self.noise and not self._takes(n)]

    def _takes(self, name: str) -> bool:
        if not self.noise.keys() <= check_candidate(name).method.options().keys():
            return False
        try:
            for member in self._built(name, self.inference, self.noise).values():
                member.check_parameters()
        except InputError:  # such as an evidence of normal noise alone
            return False
        return True


def check_candidate(name: str) -> Choice:
    """The method of a candidate's name.

    Raises:
        InputError: If there is none that can be a candidate.
    """
    choice = parse_method(name)
    if choice.corrected or choice.method.is_stack:
        raise InputError(f"{name} cannot be a candidate: neither corrected models (+gp) nor stacks")
    return choice


def _is_latent(name: str) -> bool:
    """Whether a method is one of latent fields, which a device may fit."""
    return "weights" in check_candidate(name).method.fixed
