import json
import re

import pytest

from dirimix.cli.main import main
from dirimix.report.numbers import quantity
from dirimix.report.sections import compared
from dirimix.study.folder import MARK
from outline import Outline
from stand_ins import write_study


@pytest.fixture
def page(unconverged):
    return (unconverged / "report.html").read_text()


def test_the_page_is_whole_and_needs_nothing_else(page):
    outline = Outline(page)
    assert len(outline.ids) == len(set(outline.ids))
    for address in outline.addresses:
        assert address.startswith(("#", "data:"))
        assert not address.startswith("#") or address[1:] in outline.ids
    assert "@import" not in page
    assert "default-src 'none'" in page


def test_the_page_has_all_its_sections(page):
    titles = re.findall(r"<h2>([^<]+)</h2>", page[page.index("<main>") :])
    assert titles == [
        "Explore", "Scores", "Calibration", "Weights", "Checks", "Data and provenance",
    ]  # fmt: skip
    assert "Stand-in &lt;study&gt;" in page
    assert "Stand-in <study>" not in page


def test_what_has_not_converged_is_said_first(page):
    banner = page.index('role="alert"')
    assert banner < page.index("<main>")
    assert "lbmm-gpd: rhat above 1.01" in page[banner : page.index("<main>")]


def test_every_score_of_the_table_is_in_scores_json(unconverged, page):
    numbers = json.loads((unconverged / "scores.json").read_text())
    known = set()
    for row in numbers["scores"]:
        for key, value in row.items():
            share = key.startswith(("coverage", "below"))
            if isinstance(value, float):
                known.add(f"{value:.2f}" if share else quantity(value))
    tables = re.findall(r"<caption>Scores on.*?</table>", page, flags=re.S)
    assert len(tables) == 2
    text = [re.sub(r"<[^>]*>", " ", table) for table in tables]
    shown = [n for t in text for n in re.findall(r"−?\d+\.\d+(?:e[−+]\d+)?", t)]
    assert len(shown) > 200
    assert set(shown) <= known


def test_the_results_of_the_comparisons_follow_the_bands():
    row = {"a": "one", "b": "two", "score": "rms", "lo": -0.3, "hi": -0.1}
    assert compared(row) == "one better"
    assert compared(row | {"score": "log_score"}) == "two better"
    assert compared(row | {"lo": 0.1, "hi": 0.3}) == "two better"
    assert compared(row | {"hi": 0.1}) == "not told apart"
    assert compared(row | {"lo": None}) == "not told apart"


def test_the_same_folder_gives_the_same_page(unconverged, page):
    assert main(["report", str(unconverged), "--quiet"]) == 0
    assert (unconverged / "report.html").read_text() == page


def test_a_fit_has_a_report_too(tmp_path, capsys):
    write_study(tmp_path)
    arguments = ["fit", "data:liquid-drop", "--method", "simplex-ls", "--out", str(tmp_path / "o")]
    assert main([*arguments, "--quiet"]) == 0
    assert main(["report", str(tmp_path / "o")]) == 0
    assert capsys.readouterr().out == f"report: {tmp_path / 'o' / 'report.html'}\n"


def test_no_output_folder_is_refused(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 2
    assert "is no output folder of run or fit" in capsys.readouterr().err


def test_a_run_ends_with_the_page_unless_told_otherwise(tmp_path, capsys):
    study, out = write_study(tmp_path), tmp_path / "out"
    run = ["run", str(study), "--out", str(out), "--only", "equal"]
    assert main([*run, "--no-report"]) == 0
    assert not (out / "report.html").exists()
    assert "report" not in capsys.readouterr().out
    assert main([*run, "--resume"]) == 0
    assert f"report: {out / 'report.html'}" in capsys.readouterr().out
    assert "equal" in (out / "report.html").read_text()


def test_a_folder_of_an_older_version_is_refused_in_words(unconverged, tmp_path, capsys):
    for name in (MARK, "manifest.json", "scores.json"):
        (tmp_path / name).write_text((unconverged / name).read_text())
    numbers = json.loads((tmp_path / "scores.json").read_text())
    del numbers["regions"]
    (tmp_path / "scores.json").write_text(json.dumps(numbers))
    assert main(["report", str(tmp_path)]) == 2
    assert "has no 'regions': an older version wrote it" in capsys.readouterr().err
