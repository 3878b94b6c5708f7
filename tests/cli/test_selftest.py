"""The check of an installation finds what is wrong with it."""

import pytest

import dirimix
from dirimix import _selftest


@pytest.fixture
def quick(monkeypatch):
    """The check with few examples and without its sample."""
    monkeypatch.setattr(_selftest, "_QUICK", ("errors",))
    monkeypatch.setattr(_selftest, "_sample", lambda: "")


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_a_sound_installation_passes(capsys):
    assert dirimix.test() == 0
    assert "examples, a fit and a sample are as they should be" in capsys.readouterr().out


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("part", ["_sample", "_fit_and_predict"])
def test_what_is_wrong_is_said(monkeypatch, capsys, part):
    monkeypatch.setattr(_selftest, "_fit_and_predict", lambda: "")
    monkeypatch.setattr(_selftest, part, lambda: "this is wrong")
    assert dirimix.test() == 1
    assert ": this is wrong (" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_predictions_that_differ_are_found(monkeypatch, capsys):
    other = _selftest._table().assign(**dict.fromkeys(_model_names(), 1.0))
    monkeypatch.setattr(_selftest, "_table", lambda: other)
    assert dirimix.test() == 1
    assert "a fit that is read predicts else" in capsys.readouterr().out


def _model_names() -> list[str]:
    from dirimix import datasets

    return list(datasets.load("liquid-drop").models)


@pytest.mark.slow
def test_the_whole_check_passes():
    assert dirimix.test() == 0
