"""The report's section of the tables and figures that the study asks for."""

from collections.abc import Iterable

from dirimix.report.exhibits.registry import FIGURE_FOLDER, Exhibit
from dirimix.report.html import folded, picture, table, text


def exhibits(made: Iterable[Exhibit]) -> str:
    """Every exhibit with its title and the names of its files; a line for one that is empty."""
    return "\n".join(_exhibit(e) for e in made)


def _exhibit(exhibit: Exhibit) -> str:
    choice, drawn = exhibit.choice, exhibit.drawn
    title = f"<h3>{text(choice.title)}</h3>"
    if drawn is None:
        return f'{title}<p class="hint">The run has nothing to show here.</p>'
    files = ", ".join(f"{FIGURE_FOLDER}/{choice.name}.{kind}" for kind in ("csv", "png", "svg"))
    where = f'<p class="hint">{text(files)}</p>'
    if drawn.shown is None:
        return title + picture(drawn.figure, f"{choice.title}. {drawn.words}") + where
    cells = [[text(v) for v in row] for row in drawn.shown.to_numpy().tolist()]
    shown = table(choice.title, [text(c) for c in drawn.shown], cells)
    shown = folded(f"{len(cells)} lines", shown) if len(cells) > 40 else shown
    return f'{title}<p class="hint">{text(drawn.words)}</p>{shown}{where}'
