"""The figures of the benchmark as tables, for the terminal and for the documentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tasks import MODEL_FILES, PLANS

BEGIN = "<!-- The figures: written by `python benchmarks/run.py --docs` from build/bench.json. -->"
OPEN = ("C", "D")
"""Tasks in which the model writes."""
END = "<!-- The end of the figures. -->"


def costs(result: dict[str, Any]) -> list[list[str]]:
    """Return a table of CPU-seconds a text: a line a system and model file, a column a task.

    Where the model writes freely, systems may write more or less: how many tokens stands in brackets.
    """
    tasks = [name for name in PLANS if name in result["tasks"]]
    found = {
        (row["model_file"], row["system"], row.get("variant"), row["task"]): _cost(row)
        for row in result["rows"]
    }
    table = [["model file", "system", *tasks]]
    asked = dict.fromkeys((row["system"], row.get("variant")) for row in result["rows"])
    for file in MODEL_FILES:
        for system, variant in sorted(asked, key=lambda which: (which[1] or "", list(asked).index(which))):
            name = f"{system}, {variant}" if variant else system
            cells = [found.get((file, system, variant, task)) for task in tasks]
            table.append([file, name, *(cell or "" for cell in cells)])
    return table


def _cost(row: dict[str, Any]) -> str:
    cost = f"{row['cpu_seconds_per_text']:.3f}"
    if row["task"] in OPEN and row["system"] != "floor":
        return f"{cost} ({row['answer_tokens_per_text']:.0f})"
    return cost


def targets(result: dict[str, Any]) -> list[list[str]]:
    """Return a table of the targets."""
    table = [["task", "measured", "against", "target", "found", ""]]
    for target in result["targets"]:
        met = "met" if target["met"] else "not met"
        table.append(
            [target["task"], target["this"], target["other"], target["wanted"], f"{target['found']:.2f}", met]
        )
    return table


def in_words(result: dict[str, Any]) -> str:
    """Return all figures for the terminal."""
    lines = [
        f"CPU-seconds a text on one thread, the median of {result['repeats']} repeats",
        *described(result),
        "",
        *aligned(costs(result)),
        "",
        *aligned(targets(result)),
        "",
    ]
    if result["overheads"] is None:
        lines.append("There is no build/demo, so a study's fixed costs were not measured: run 'make demo'.")
    for name, cost in (result["overheads"] or {}).items():
        lines.append(
            f"{name.replace('_', ' ')} of a study: {cost['cpu_seconds']['median']:.1f} CPU-seconds, "
            f"{cost['wall_seconds']['median']:.1f} s"
        )
    return "\n".join(lines)


def described(result: dict[str, Any]) -> list[str]:
    """Return what each task is, a line each."""
    return [f"{name}: {task['what']} ({task['texts']} texts)" for name, task in result["tasks"].items()]


def aligned(table: Sequence[Sequence[str]]) -> list[str]:
    """Return a table in columns of equal width."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(f"{cell:<{n}}" for cell, n in zip(line, widths, strict=True)).rstrip() for line in table
    ]


def markdown(table: Sequence[Sequence[str]]) -> list[str]:
    """Return a table in Markdown."""
    lines = [f"| {' | '.join(line)} |" for line in table]
    return [lines[0], f"|{'---|' * len(table[0])}", *lines[1:]]


def with_figures(page: str, result: dict[str, Any]) -> str:
    """Return a documentation page with the figures between its two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    figures = [
        f"Measured on {result['date']} on one thread of a processor that calls itself {result['processor']}:"
        f" CPU-seconds a text, the median of {result['repeats']} repeats; in brackets, how many tokens an"
        " answer has.",
        "",
        *(f"- {line}" for line in described(result)),
        "",
        *markdown(costs(result)),
        "",
        *markdown(targets(result)),
        "",
        f"Versions: {versions}.",
    ]
    return "\n".join([f"{before}{BEGIN}", "", *figures, "", f"{END}{after}"])
