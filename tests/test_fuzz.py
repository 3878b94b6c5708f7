"""A few of the spoilt inputs that `verification/fuzz.py` tries by the thousand."""

import fuzz
import pytest

from dirimix.errors import InputError


def test_spoilt_input_is_taken_or_refused_in_a_sentence():
    assert fuzz.fuzz(18, seed=2) == []


@pytest.mark.parametrize(
    ("error", "wrong"),
    [
        (KeyError("x"), "call 0: KeyError: 'x'"),
        (InputError("two\nlines"), "call 0: many lines"),
        (InputError("one line"), None),
    ],
)
def test_faults_are_found(monkeypatch, error, wrong):
    def door(*_):
        raise error

    monkeypatch.setitem(fuzz.DOORS, "call", door)
    found = fuzz.fuzz(1, 0, ["call"])
    assert found == [] if wrong is None else found[0].startswith(wrong)


@pytest.mark.parametrize(
    ("code", "said", "left", "wrong"),
    [
        (7, "", "", "exit code 7"),
        (2, "dirimix: a\ndirimix: b\n", "", "exit code 2 with 2 sentences"),
        (2, "Traceback (most recent call last)\n", "", "raw words"),
        (2, "dirimix: no\n", "p.csv", "refused, and wrote"),
        (0, "", "other", "left"),
        (0, "", "p.csv", ""),
    ],
)
def test_bad_ends_of_commands_are_found(monkeypatch, tmp_path, code, said, left, wrong):
    def end(_):
        fuzz.sys.stderr.write(said)
        if left:
            (tmp_path / left).touch()
        return code

    monkeypatch.setattr(fuzz, "dirimix_main", end)
    found = fuzz.command(["predict"], tmp_path, "p.csv")
    assert found.startswith(wrong)
    assert bool(found) == bool(wrong)


def test_numbers_that_were_changed_are_found(tmp_path):
    text = fuzz.table().to_csv(index=False)
    (tmp_path / "t.csv").write_text(text)
    argv = ["fit", str(tmp_path / "t.csv"), *fuzz.COLUMNS, "--method", "equal", "--quiet"]
    assert fuzz.command([*argv, "--out", str(tmp_path / "out")], tmp_path, "out") == ""
    assert fuzz.read_alike(tmp_path, text) == ""
    other = fuzz.table().assign(y=lambda t: t["y"] + 1e-9).to_csv(index=False)
    assert fuzz.read_alike(tmp_path, other) == "other numbers than in the file"
