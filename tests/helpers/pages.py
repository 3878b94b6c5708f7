"""The pages of the documentation: their blocks, tables and links, and how blocks are run.

A block marked `python`, `{code-cell} python` as in a notebook, or `sh` is run; one whose mark is
followed by a file name, such as `toml study.toml`, is written to that file, and one that begins
with `diff` and a file name changes that file. A comment before a block, `<!-- test: ... -->`, says
with what it is run faster: NAME=VALUE replaces a number in it, options go to its `dirimix fit` (and
`--allow-unconverged` to `run` and `predict`, too).
"""

import os
import pkgutil
import re
import shlex
import warnings
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from dirimix.cli.main import main
from dirimix.datasets.files import VARIABLE
from dirimix.errors import ConvergenceWarning

ROOT = Path(__file__).parents[2]
PAGES = (
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs/gallery").glob("*.md")),
)
ALL_PAGES = (*PAGES, *(ROOT / f"{name}.md" for name in ("VISION", "CONTRIBUTING", "CHANGELOG")))
_BLOCK = re.compile(
    r"^(?:<!-- test: (?P<marks>.*?) -->\n)?```(?:\{code-cell\} )?(?P<language>\w+)"
    r"(?: (?P<file>\S+))?\n"
    r"(?::\w+: [^\n]*\n\n?)?"  # how a notebook shows what a cell gives
    r"(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
_ELSEWHERE = ("make", "pip", ".")  # commands that are not run; `make` targets are looked up
_ALLOW = "--allow-unconverged"
_SAMPLED = ("run", "predict")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        page: The page.
        line: Line of its first line of text.
        language: Its mark.
        file: The file that it is written to, '' for none.
        marks: What makes it faster.
        text: Its text.
    """

    page: Path
    line: int
    language: str
    file: str
    marks: tuple[str, ...]
    text: str


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, in order."""
    content = page.read_text(encoding="utf-8")
    return [
        Block(
            page,
            content[: found.start("text")].count("\n") + 1,
            found["language"],
            found["file"] or "",
            tuple(shlex.split(found["marks"] or "")),
            found["text"],
        )
        for found in _BLOCK.finditer(content)
    ]


def run_blocks(of_page: Iterable[Block], *, fast: bool) -> list[str]:
    """Run the blocks of a page in the current folder.

    Returns:
        The commands that were not run for want of the published data files.
    """
    names: dict[str, object] = {"__name__": "__main__"}
    left = []
    with warnings.catch_warnings():
        if fast:
            # what is cut short cannot converge
            warnings.simplefilter("ignore", ConvergenceWarning)
        for block in of_page:
            text = replaced(block) if fast else block.text
            if block.file:
                put(replace(block, text=text), Path())
            elif block.language == "python":
                lines = "\n" * (block.line - 1)
                exec(compile(lines + text, str(block.page), "exec"), names)
            elif block.language == "sh":
                left += run_commands(text, block.marks if fast else ())
    return left


def put(block: Block, folder: Path) -> None:
    """Write a block to the file that it names, or make the change that a `diff` block shows."""
    path = folder / block.file
    if block.language != "diff":
        path.write_text(block.text, encoding="utf-8")
        return
    lines, text = block.text.splitlines(), path.read_text(encoding="utf-8")
    old, new = ("".join(f"{x[1:]}\n" for x in lines if x[:1] in kept) for kept in (" -", " +"))
    assert text.count(old) == 1, f"{block.page.name}:{block.line} does not fit {block.file}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def replaced(block: Block) -> str:
    """The text with the numbers that its marks name in place of its own."""
    text = block.text
    for mark in block.marks:
        name, equals, value = mark.partition("=")
        if equals and not name.startswith("--"):
            text, count = re.subn(rf"\b{name}( ?= ?)[\d.]+", rf"{name}\g<1>{value}", text)
            assert count, f"{block.page.name}:{block.line} has no {name} to replace"
    return text


def commands(text: str) -> list[list[str]]:
    """The commands of a block, in words."""
    lines = text.replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def run_commands(text: str, marks: tuple[str, ...] = ()) -> list[str]:
    """Run the `dirimix` commands of a block; those not run for want of data files."""
    left = []
    for words in commands(text):
        assert words[0] in ("dirimix", *_ELSEWHERE), f"the docs run an unknown command: {words}"
        if words[0] != "dirimix":
            continue
        if any("nuclear-" in word for word in words) and VARIABLE not in os.environ:
            left.append(" ".join(words))
            continue
        code = main([*words[1:], *_added(words[1], marks)])
        assert code == 0, f"exit code {code} of {' '.join(words)}"
    return left


def _added(verb: str, marks: tuple[str, ...]) -> list[str]:
    """The options among the marks that a command takes."""
    options = [mark for mark in marks if not re.match(r"\w+=", mark)]
    return options if verb == "fit" else [o for o in options if o == _ALLOW and verb in _SAMPLED]


def sections(page: Path) -> dict[str, str]:
    """Heading -> the text below it, up to the next heading of any level."""
    parts = re.split(r"^#+ (.+)$", without_blocks(page), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def without_blocks(page: Path) -> str:
    """The page without its fenced blocks."""
    return _BLOCK.sub("", page.read_text(encoding="utf-8"))


def rows(text: str) -> list[list[str]]:
    """The cells of every table row of a text, headers and rules left out."""
    return [row for table in tables(text) for row in table[1:]]


def tables(text: str) -> list[list[list[str]]]:
    """The cells of every row of every table of a text, headers first, rules left out."""
    return [
        [
            [cell.strip() for cell in line.strip("|").split("|")]
            for line in table.splitlines()
            if not set(line) <= set("|- ")
        ]
        for table in re.findall(r"^(?:\|.*\n)+", f"{text}\n", re.MULTILINE)
    ]


def quoted(text: str) -> list[str]:
    """Everything between backticks."""
    return re.findall(r"`([^`\n]+)`", text)


def dead_links(page: Path, text: str) -> list[str]:
    """The relative links of a text that lead nowhere, seen from a page."""
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        place = page.parent / path if path else page
        if not place.exists() or (anchor and anchor not in anchors(place)):
            dead.append(target)
    return dead


def anchors(page: Path) -> set[str]:
    """Names of a page's headings, as its links call them."""
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in sections(page)}


def missing_names(text: str, made: Collection[str]) -> list[str]:
    """Modules, functions and files that a text names and that are not there.

    Names are dotted (`dirimix.laws.crps`), paths from the repository (src/dirimix/errors.py), or
    paths in backticks from there or from the package, with or without a function (`errors.py:f`).
    Names in capitals stand for others.

    Args:
        text: The text.
        made: Files that it makes.
    """
    dotted = re.findall(r"(?<![\w./-])dirimix(?:\.[A-Za-z]\w*)+", text)
    paths = re.findall(r"(?<![\w./-])src/dirimix/[\w./-]*\w", text)
    places = re.findall(r"`([\w/]+\.py)(?::([\w.]+))?`", text)
    modules = {file.removeprefix("src/").removesuffix(".py").replace("/", ".") for file in made}
    return [
        *(n for n in dict.fromkeys(dotted) if n not in modules and not _is_there(n)),
        *(path for path in dict.fromkeys(paths) if path not in made and not (ROOT / path).exists()),
        *(
            f"{path}:{name}".rstrip(":")
            for path, name in dict.fromkeys(places)
            if "NAME" not in path and not _holds(path, name)
        ),
    ]


def _holds(path: str, name: str) -> bool:
    """Whether a file of the repository or the package is there and holds a name, if any."""
    if (ROOT / path).is_file() and not name:
        return True
    module = path.removesuffix(".py").replace("/", ".")
    inside = (ROOT / "src/dirimix" / path).is_file()
    return inside and _is_there(".".join(["dirimix", module, *([name] if name else [])]))


def _is_there(dotted: str) -> bool:
    """Whether a dotted name is a module, or what can be reached from one."""
    try:
        return pkgutil.resolve_name(dotted) is not None
    except (ImportError, AttributeError):
        return False
