"""Which module of a package imports which, read from the sources without running them."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

AT_ONCE, ON_CALL, TYPING = "at once", "on call", "typing"


@dataclass(frozen=True)
class Arrow:
    """One module imports another.

    Attributes:
        importer: The module that holds the import.
        imported: The module that it imports.
        when: `AT_ONCE` when it is loaded itself, `ON_CALL` of a function, `TYPING` never (an
            import that only a type checker follows).
    """

    importer: str
    imported: str
    when: str


def read_modules(package: Path) -> dict[str, str]:
    """Source by dotted name, of every module of the package in a folder."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = path.read_text(encoding="utf-8")
    return found


def arrows(modules: Mapping[str, str]) -> list[Arrow]:
    """Every import of one of the modules by another."""
    return [
        Arrow(name, imported, when)
        for name, source in modules.items()
        for imported, when in _imports(ast.parse(source), modules, AT_ONCE)
        if imported in modules and imported != name
    ]


def _imports(node: ast.AST, modules: Mapping[str, str], when: str) -> Iterator[tuple[str, str]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from ((alias.name, when) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.module, "a relative import; write the whole name"
            for alias in child.names:
                whole = f"{child.module}.{alias.name}"
                yield (whole if whole in modules else child.module), when
        elif isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            yield from _imports(ast.Module(child.body, []), modules, TYPING)
            yield from _imports(ast.Module(child.orelse, []), modules, when)
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _imports(child, modules, ON_CALL if when == AT_ONCE else when)
        else:
            yield from _imports(child, modules, when)


def room(module: str) -> str:
    """The part of the package that a module belongs to: the name below the package's own."""
    first, *inner = module.split(".")
    return inner[0] if inner else first


def cycle(found: Iterable[Arrow]) -> list[str]:
    """Modules that import each other in a ring, [] if none do; imports for typing never run."""
    graph: dict[str, set[str]] = {}
    for arrow in found:
        if arrow.when != TYPING:
            graph.setdefault(arrow.importer, set()).add(arrow.imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []
