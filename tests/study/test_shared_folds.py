"""The folds of a latent mixture in a study: one program, a result each, whole or not at all."""

import shutil

import pandas as pd
import pytest

from dirimix.estimators.latent.conditional import Conditional
from dirimix.estimators.latent.held_out import FitsToSome
from dirimix.study.jobs import ResolvedStudy, make_jobs
from dirimix.study.load import load_split_table
from dirimix.study.parse import read_study
from dirimix.study.work.all_jobs import make_batches
from stand_ins import STUDY, run_study, write_study

TEXT = STUDY.replace(
    "[scores]",
    """
[options]
inference = "mode"
draws = 25
noise = "constant"
components = 1
[options."signed-gp@sampled"]
inference = "hmc"
[validation.random]
scheme = "k-fold"
folds = 3
[scores]""",
).replace('"raw", "equal"', '"equal", "signed-gp", "signed-gp@sampled", "raw+delta"')
TEXT = TEXT.replace(', ["raw:c", "equal"]', "")
ONLY = ("--only", "equal,signed-gp", "--allow-unconverged")


def points(folder) -> dict[str, bytes]:
    """What each fold of the mixture predicted, as it was written."""
    home = folder / "out" / "validation" / "random"
    return {p.name: (p / "signed-gp" / "pointwise.csv").read_bytes() for p in home.iterdir()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run, and how often the log marginal was traced for its folds."""
    folder, traced, plain = tmp_path_factory.mktemp("folds"), [], Conditional.log_marginal

    def counted(self, *arguments):
        traced.append(len(self.posterior.table.x))
        return plain(self, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Conditional, "log_marginal", counted)
        assert run_study(write_study(folder, TEXT), folder / "out", *ONLY) == 0
    return folder, traced


def test_all_folds_are_one_program_and_each_has_its_result(finished):
    folder, traced = finished
    assert len(traced) == 2  # that of all rows, and that of the folds
    found = points(folder)
    assert len(found) == len(set(found.values())) == 3
    folds = pd.read_csv(folder / "out" / "folds.csv")
    assert folds["method"].value_counts().to_dict() == {"equal": 3, "signed-gp": 3}
    assert not folds.loc[folds["method"] == "signed-gp", "converged"].any()


def test_an_interrupted_batch_goes_on_with_the_folds_that_are_left(
    finished, tmp_path, monkeypatch, capsys
):
    calls, plain = [], FitsToSome.fit

    def interrupted(self, *arguments, **options):
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        plain(self, *arguments, **options)

    monkeypatch.setattr(FitsToSome, "fit", interrupted)
    study = write_study(tmp_path, TEXT)
    # all but the folds is there
    shutil.copytree(finished[0] / "out", tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "validation")
    (tmp_path / "out" / "manifest.json").unlink()
    assert run_study(study, tmp_path / "out", *ONLY, "--resume") == 130
    home = tmp_path / "out" / "validation" / "random"
    assert [p.name for p in home.iterdir() if (p / "signed-gp").is_dir()] == ["1"]
    calls += [None]
    monkeypatch.setattr("dirimix.study.work.all_jobs.deal_cores", None)  # no other process
    from dirimix.cli.main import main

    arguments = ["run", "--no-report", str(study), "--out", str(tmp_path / "out"), "--resume"]
    assert main([*arguments, *ONLY]) == 0
    told = capsys.readouterr().err
    assert "signed-gp without random 1: already there" in told
    assert points(tmp_path) == points(finished[0])


def test_batches_are_those_that_can_share_and_keep_all_processes_at_work(tmp_path):
    study = read_study(write_study(tmp_path, TEXT))
    data = load_split_table(study.data, study.seed)
    jobs = make_jobs(ResolvedStudy(study, data), tmp_path)

    def shared(processes: int) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        batches = list(make_batches(jobs, data, processes))
        assert sorted(j.title for b in batches for j in b) == sorted(j.title for j in jobs)
        for batch in batches:
            assert len({(job.choice.name, str(job.options)) for job in batch}) == 1
            if batch[0].task.fold is not None:
                found.setdefault(batch[0].choice.name, []).append(len(batch))
            else:
                assert len(batch) == 1
        return found

    last = [batch[0].choice.name for batch in make_batches(jobs, data, 2)][-2:]
    assert last == ["raw+delta", "signed-gp"]  # as many folds, each with as many fits as models
    one_each = dict.fromkeys(
        ("equal", "signed-gp@sampled", "ols", "bma-closed-form", "simplex-ls+gp", "simplex-ls"),
        [1, 1, 1],
    )
    assert shared(1) == shared(2) == shared(3) == {**one_each, "signed-gp": [3], "raw+delta": [3]}
    assert shared(4) == {**one_each, "signed-gp": [2, 1], "raw+delta": [2, 1]}
    assert shared(100) == {**one_each, "signed-gp": [1] * 3, "raw+delta": [1] * 3}
