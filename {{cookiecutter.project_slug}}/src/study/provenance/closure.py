"""Which files of the study's code a program consists of."""

from __future__ import annotations

import ast
import functools
from pathlib import Path

from study.errors import StudyError


def import_closure(module: str, src: Path) -> list[str]:
    """Return the files of `module` and of everything that it imports inside `src`, sorted.

    A rule names them as inputs: a changed constant in an imported module then re-runs the rule, and a new,
    unrelated module does not.

    Parameters
    ----------
    module
        A dotted name such as 'study.validity.agreement'.
    src
        The folder that holds the package.
    """
    found: set[Path] = set()
    waiting = [module]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        path = _file_of(name, src)
        if path is None:
            continue
        found.add(path)
        parts = name.split(".")
        waiting += [".".join(parts[:i]) for i in range(1, len(parts))]
        waiting += _imports(path.read_text(encoding="utf-8"), parts[0])
    if not found:
        raise StudyError(f"There is no module '{module}' in {src}.")
    return sorted(path.as_posix() for path in found)


def _file_of(name: str, src: Path) -> Path | None:
    base = src.joinpath(*name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


@functools.cache
def _imports(source: str, package: str) -> tuple[str, ...]:
    """Return what a file with this text imports from a package: many rules share files, which may change."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            # `from study.validity import agreement` may name a module or something in one.
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(name for name in found if name == package or name.startswith(f"{package}."))
