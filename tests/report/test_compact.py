import base64
import io
import re

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from dirimix.report.compact.columns import changes, coded, law
from dirimix.report.compact.svg import few_colours, path, slim
from dirimix.report.explore import as_text, numbers
from dirimix.report.look import FOREGROUND

NAMES = ("mean", "sd", "q05", "q50", "q95")


def laws(mean, sd):
    z = (-1.645, 0.0, 1.645)
    columns = [mean, sd, *(mean + k * sd for k in z)]
    return {n: [None if np.isnan(v) else v for v in c] for n, c in zip(NAMES, columns, strict=True)}


def read(given):
    """Columns from changes, as `static/data.js` has them."""
    known = [0 if v is None else v for v in given["changes"]]
    units = np.cumsum(known).astype(float)
    units[[v is None for v in given["changes"]]] = np.nan
    return units / 10.0 ** given["decimals"]


@pytest.mark.parametrize("size", 10.0 ** np.arange(-12, 13, 3))
def test_laws_of_every_size_are_read_back_to_five_digits(size):
    rng = np.random.default_rng(3)
    mean = size * np.where(np.arange(60) % 9, rng.normal(15, 4, 60), np.nan)
    columns = laws(mean, size * rng.uniform(0.2, 2, 60))
    made = law(columns)
    own = {n: read({**made, "changes": c}) for n, c in made["changes"].items()}
    for name, given in columns.items():
        found = own[name] if name in ("mean", "sd") else own[name] + own["mean"]
        true = np.array([np.nan if v is None else v for v in given])
        np.testing.assert_allclose(found, true, rtol=5e-5, atol=1.01 * 10.0 ** -made["decimals"])
    np.testing.assert_allclose(own["sd"], np.array(columns["sd"], dtype=float), rtol=3e-3)


def test_laws_of_many_sizes_stay_as_they_are():
    columns = laws(10.0 ** np.linspace(-6, 6, 20), 10.0 ** np.linspace(-8, 4, 20))
    assert law(columns) == columns
    nothing = {name: [None] * 3 for name in NAMES}
    assert law(nothing) == nothing


def test_weights_are_read_back_to_their_decimals():
    w = np.random.default_rng(4).dirichlet(np.full(40, 0.1))
    np.testing.assert_allclose(read(changes(w, 4)), w, atol=0.5001e-4)


def test_two_thousand_sites_of_ten_models_are_small():
    """Eight methods, two of them local; a page has at most 3 MB."""
    rng, (n, k) = np.random.default_rng(6), (2000, 10)
    place = np.arange(n)
    mean = 12 + 5 * np.sin(place / 40) + rng.normal(0, 0.3, n)
    sd = 0.5 + 0.2 * np.sin(place / 90) ** 2 + rng.normal(0, 0.01, n)
    columns = {name: numbers(column) for name, column in laws(mean, sd).items()}
    w = np.exp(np.sin(place[:, None] / 50 + np.arange(k)) + rng.normal(0, 0.02, (n, k)))
    w = (w / w.sum(axis=1, keepdims=True)).round(4)
    kinds = {"mean": w, "sd": w / 2, "q05": w / 3, "q95": 1.5 * w}
    content = {
        "laws": {f"method {j}": columns for j in range(8)},
        "weights": {f"local {j}": {q: v.T.tolist() for q, v in kinds.items()} for j in range(2)},
    }
    small = len(as_text(coded(content)))
    assert small < 0.7 * len(as_text(content))
    assert small < 600_000


def figure():
    made = Figure()
    axes = made.subplots()
    axes.plot([0, 1, 2], [1.0, 1.5, 1.25], color=FOREGROUND)
    axes.scatter([0, 1], [1, 1.2], c=[0.2, 0.7], rasterized=True)
    axes.set_title("a < b & c", parse_math=False)
    return made


def written(made):
    stream = io.StringIO()
    made.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()


def test_a_figure_keeps_its_marks_and_points_at_what_is_there():
    whole = written(figure())
    content, box = slim(whole, "p-")
    assert f'viewBox="{box}"' in whole
    assert len(content) < 0.6 * len(whole)
    for tag in ("<use ", "<image ", "<clipPath "):
        assert content.count(tag) == whole.count(tag)
    assert FOREGROUND not in content
    assert "font-family" not in content
    ids = set(re.findall(r' id="([^"]+)"', content))
    assert ids
    assert ids == set(re.findall(r'(?:href="#|url\(#)([^")]+)', content))
    assert all(name.startswith("p-") for name in ids)
    classes = set(re.findall(r'class="([^"]+)"', content))
    assert classes == set(re.findall(r"\.(\w+)\{", content))


def test_texts_are_no_markup():
    with matplotlib.rc_context({"svg.fonttype": "none"}):
        content, _ = slim(written(figure()), "p-")
    assert "a &lt; b &amp; c" in content


def test_paths_go_where_they_went():
    assert path("M 1.04 2 \nL 5 2.01 \nL 5 7 \nL 6 8 \nz\n", 1) == "M1 2H5V7L6 8z"
    assert path("M 0 -0.004 C 1 1e-9 0.5 2.25 3 3", 2) == "M0 0C1 0 .5 2.25 3 3"


def test_images_keep_their_colours():
    ramp = np.zeros((20, 200, 4), dtype=np.uint8)
    ramp[..., 0] = np.arange(200)
    ramp[..., 3] = 255
    stream = io.BytesIO()
    Image.fromarray(ramp).save(stream, "png")
    address = "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
    made = base64.b64decode(few_colours(address).partition(",")[2])
    found = np.asarray(Image.open(io.BytesIO(made)).convert("RGBA")).astype(int)
    assert np.abs(found - ramp).max() <= 8
