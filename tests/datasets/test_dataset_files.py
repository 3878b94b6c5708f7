"""The data folder, its downloads and checksums, and the fixed-width format."""

import functools
import http.server
import threading
from hashlib import sha256

import pooch
import pytest
import requests

from dirimix import datasets
from dirimix.datasets import ame, files
from dirimix.datasets.record import File
from dirimix.errors import InputError


@pytest.fixture
def file():
    content = b"Z,N,BE\n8,8,127.6\n"
    return File("tables/a.csv", "http://127.0.0.1:9/a.csv", sha256(content).hexdigest())


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.delenv(files.VARIABLE, raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / project)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "dirimix"


@pytest.fixture
def served(file, tmp_path):
    """The file behind an address that answers."""
    (tmp_path / "a.csv").write_bytes(b"Z,N,BE\n8,8,127.6\n")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            """Say nothing."""

    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/a.csv"
        yield File(file.path, url, file.sha256)
        server.shutdown()


def _put(folder, file, content=b"Z,N,BE\n8,8,127.6\n"):
    path = folder / file.path
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_argument_comes_before_variable_before_cache(monkeypatch, tmp_path, cache, file):
    for folder in (tmp_path / "given", tmp_path / "variable", cache):
        _put(folder, file)
    assert files.fetch("x", [file], None) == cache
    monkeypatch.setenv(files.VARIABLE, str(tmp_path / "variable"))
    assert files.fetch("x", [file], None) == tmp_path / "variable"
    assert files.fetch("x", [file], tmp_path / "given") == tmp_path / "given"


def test_download_fills_the_cache(cache, served):
    assert files.read("x", [served], None) == {"tables/a.csv": b"Z,N,BE\n8,8,127.6\n"}
    assert (cache / served.path).exists()


def test_fetch_replaces_an_altered_file(tmp_path, cache, served):
    del cache
    path = _put(tmp_path / "given", served, b"something else")
    files.fetch("x", [served], tmp_path / "given")
    assert sha256(path.read_bytes()).hexdigest() == served.sha256


def test_download_of_something_else_is_refused(cache, served):
    other = File(served.path, served.url, "0" * 64)
    with pytest.raises(InputError, match=r"cannot download http://127.*a\.csv \(ValueError"):
        files.read("x", [other], None)
    assert not (cache / served.path).exists()


def test_missing_address(cache, served):
    del cache
    gone = File(served.path, served.url.replace("a.csv", "b.csv"), served.sha256)
    with pytest.raises(InputError, match=r"cannot download .*b\.csv \(HTTPError: 404"):
        files.read("x", [gone], None)


def test_no_network_and_no_folder(monkeypatch, cache):
    del cache

    def unreachable(*_, **__):
        raise requests.exceptions.ConnectionError("no route to host")

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", unreachable)
    with pytest.raises(
        InputError,
        match=r"cannot download https://raw\.githubusercontent\.com.*mass\.mas03 \(Connection"
        r"Error: no route to host\); name a folder .*DIRIMIX_DATA_DIR or --data-dir$",
    ):
        datasets.load("nuclear-s2n")


def test_named_folder_is_never_filled(tmp_path, file):
    with pytest.raises(
        InputError, match=r"tables/a\.csv of data set 'x' is not in the folder .*fetch x --dir"
    ):
        files.read("x", [file], tmp_path)


@pytest.mark.parametrize("content", [b"", b"Z,N,BE\n8,8,127", b"Z,N,BE\n8,8,127.7\n"])
def test_altered_file_is_caught_at_every_load(tmp_path, file, content):
    path = _put(tmp_path, file)
    assert files.read("x", [file], tmp_path)
    path.write_bytes(content)
    found = sha256(content).hexdigest()
    with pytest.raises(
        InputError, match=rf"a\.csv \({len(content)} bytes\).*{file.sha256}, found {found}; delete"
    ):
        files.read("x", [file], tmp_path)


def test_unreadable_file(tmp_path, file):
    (tmp_path / file.path).mkdir(parents=True)
    with pytest.raises(InputError, match=r"cannot read .*a\.csv \(Is a directory\)"):
        files.read("x", [file], tmp_path)


# fixed-width files


@pytest.mark.parametrize(
    ("year", "header", "value", "error"), [(2003, 39, 10, 8), (2020, 35, 12, 10)]
)
def test_separation_energies(year, header, value, error):
    star, rest = f"{'*':>{value}}{'':{error}}", ""
    first = f"{12188.45:{value}.2f}{0.5:{error}.2f}{star}{rest}"
    second = f"{'9972#':>{value}}{'193#':>{error}}{-16.5:{value}.1f}{1.0:{error}.1f}"
    lines = ["header"] * header + [f"0 18 O    8 {first}", f"  68 Fe  26 {second}"]
    content = "\r\n".join(lines).encode()
    s2n = ame.separation_energies(content, year, "S2n")
    assert s2n.loc[(8, 10)].tolist() == pytest.approx([12.18845, 0.0005, 1])
    assert s2n.loc[(26, 42)].tolist() == pytest.approx([9.972, 0.193, 0])
    s2p = ame.separation_energies(content, year, "S2p")
    assert s2p.index.tolist() == [(26, 42)]
    assert s2p.loc[(26, 42)].tolist() == pytest.approx([-0.0165, 0.001, 1])


@pytest.mark.parametrize(
    ("year", "header", "value", "error"), [(2003, 39, 13, 11), (2020, 36, 14, 12)]
)
def test_measured_masses(year, header, value, error):
    oxygen = f"{-782.81634:{value}.5f}{0.0007:{error}.4f}"
    iron = f"{'-43897#':>{value}}{'193#':>{error}}"
    lines = ["header"] * header + [
        f"{'0  2   10    8   18 O':28}{oxygen}",
        f"{'  16   42   26   68 Fe    x':28}{iron}",
    ]
    assert ame.measured_masses("\r\n".join(lines).encode(), year) == {(8, 10)}
