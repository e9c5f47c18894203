"""Grade a class: python -m d2lconv.grade *.ipynb --csv marks.csv --timeout 60

Each notebook runs in a process of its own, with limits and in an empty folder. Its functions are found by name:
the exercise of ``check_corr2d`` is the function ``corr2d``, or another that the notebook checks. Written are
a table with a line for each notebook and exercise, and a figure of the class's misconceptions: what to say first
on Tuesday.
"""

import argparse
import csv
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import torch
from matplotlib.figure import Figure

from d2lconv.exercises import EXERCISES
from d2lconv.grading.judge import BORROWED, NOT_DONE, UNREAD, Row, grade
from d2lconv.grading.server import container
from d2lconv.palette import PALETTE

BUBBLEWRAP = """bubblewrap, which holds against malice: a notebook saw Python's libraries and an empty folder,
no other file, no network and no other process"""
HOOK = """an audit hook and limits of time and memory, which hold against accidents and pranks,
not against malice"""
MOST = 12  # misconceptions in the figure


def main(arguments: list[str] | None = None) -> None:
    """Grade notebooks, write the table and the figure, and say what there is to say."""
    options = parsed(arguments)
    contained = can_contain(options.protection)
    rows: list[Row] = []
    for done, found in enumerate(graded(options, contained), 1):
        rows += found
        if sys.stderr.isatty():
            bar = "#" * (30 * done // len(options.notebooks))
            print(f"\r[{bar:30}] {done} of {len(options.notebooks)}", end="", file=sys.stderr, flush=True)
    rows.sort(key=lambda row: (row.notebook, options.only.index(row.exercise)))
    write(rows, options.csv)
    counts = histogram(rows)
    draw_histogram(counts, len(options.notebooks)).savefig(options.figure, dpi=200)
    protection = BUBBLEWRAP if contained else HOOK
    print(f"\n{summary(rows, counts)}\n\nProtected by {protection}.\nWritten: {options.csv}, {options.figure}")


def parsed(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("python -m d2lconv.grade", description=(__doc__ or "").partition("\n\n")[2])
    add = parser.add_argument
    add("notebooks", nargs="+", metavar="notebook", help="a student's .ipynb file")
    add("--csv", default="marks.csv", help="the table (marks.csv)")
    add("--figure", default="misconceptions.png", help="the figure (misconceptions.png)")
    add("--only", nargs="+", choices=EXERCISES, default=[*EXERCISES], metavar="exercise",
        help="these exercises only, in this order, with spaces between them; write this last")
    add("--timeout", type=int, default=60, help="seconds for a notebook (60)")
    add("--protection", choices=["auto", "hook", "bubblewrap"], default="auto", help="bubblewrap if it works (auto)")
    options = parser.parse_args(arguments)
    options.notebooks = sorted(set(options.notebooks))
    if not any(map(os.path.isfile, options.notebooks)):
        parser.error(f"no such file: {', '.join(options.notebooks)}. Is the terminal in the folder of the notebooks?")
    if options.timeout < 1:
        parser.error("--timeout: seconds for a notebook, 1 or more")
    for path in options.csv, options.figure:
        if not os.path.isdir(os.path.dirname(path) or "."):
            parser.error(f"cannot write {path}: there is no such folder")
    return options


def can_contain(wanted: str) -> bool:
    """Say whether bubblewrap shall be used: it needs the program, and a kernel that lets users start it."""
    if sys.platform == "win32":
        sys.exit("processes cannot be limited on Windows: grade in WSL, on Linux or on a Mac")
    with tempfile.TemporaryDirectory() as home:
        trial = [*container(home), sys.executable, "-c", ""]
        works = bool(shutil.which("bwrap")) and not subprocess.run(trial, capture_output=True).returncode
    if wanted == "bubblewrap" and not works:
        sys.exit("bubblewrap is not installed, or cannot start here")
    return works and wanted != "hook"


def graded(options: argparse.Namespace, contained: bool) -> Iterator[list[Row]]:
    """Yield the rows of each notebook, in the order in which they are done."""
    fork = multiprocessing.get_context("fork")  # torch is imported once, and no thread runs yet
    with (tempfile.TemporaryDirectory() as folder,
          ProcessPoolExecutor(os.cpu_count(), fork, torch.set_num_threads, (1,)) as pool):
        notebooks = {pool.submit(grade, path, options.only, options.timeout, folder, contained): path
                     for path in options.notebooks}
        for future in as_completed(notebooks):
            try:
                yield future.result()
            except BrokenProcessPool:
                said = "not checked: the grader was ended meanwhile"
                yield [Row(notebooks[future], name, False, (), said, NOT_DONE) for name in options.only]


def write(rows: list[Row], path: str | os.PathLike[str]) -> None:
    """Write the table."""
    with open(path, "w", newline="", encoding="utf-8-sig") as file:  # as spreadsheets expect it
        table = csv.writer(file)
        table.writerow(["notebook", "exercise", "passed", "misconception", "finding"])
        for row in rows:
            names = "; ".join(row.misconceptions)
            table.writerow(map(harmless, (row.notebook, row.exercise, row.passed, names, row.finding)))


def harmless(value: Any) -> str:
    """Return a line of text that no terminal and no spreadsheet takes for a command.

    >>> harmless("=1+1")
    "'=1+1"
    """
    text = "".join(letter if letter.isprintable() else " " for letter in str(value))
    return f"'{text}" if text.startswith(tuple("=+-@")) else text


def histogram(rows: list[Row]) -> list[tuple[str, int]]:
    """Count how many notebooks show each misconception, the most first.

    >>> histogram([Row("a", "corr2d", False, ("flipped",), ""), Row("a", "conv2d", False, ("flipped",), "")])
    [('flipped', 1)]
    """
    pairs = {(row.notebook, name) for row in rows for name in row.misconceptions}
    return Counter(name for _, name in sorted(pairs)).most_common()


def summary(rows: list[Row], counts: list[tuple[str, int]]) -> str:
    """Write what there is to say in the terminal: the exercises, the misconceptions, and whom to look at."""
    lines = [f"{'exercise':30} passed   wrong   not done"]
    for name in dict.fromkeys(row.exercise for row in rows):
        mine = [row for row in rows if row.exercise == name]
        passed = sum(row.passed for row in mine)
        absent = sum(row.remark in (NOT_DONE, UNREAD) for row in mine)
        lines.append(f"{name:30} {passed:6}  {len(mine) - passed - absent:6}  {absent:9}")
    lines += ["", f"{'misconception':60} notebooks", *(f"{name:60} {count:9}" for name, count in counts)]
    borrowed = [f"{row.notebook}: {row.exercise}" for row in rows if row.remark == BORROWED]
    unread = [row.notebook for row in rows if row.remark == UNREAD]
    for title, found in ("Only calls the package's own function", borrowed), ("Not a notebook", unread):
        if found:
            lines += ["", f"{title}:", *map(harmless, dict.fromkeys(found))]
    return "\n".join(lines)


def draw_histogram(counts: list[tuple[str, int]], total: int) -> Figure:
    """Draw how many of all notebooks show each misconception."""
    names, numbers = zip(*counts[:MOST] or [("none was recognised", 0)])
    figure = Figure(figsize=(6.4, 0.7 + 0.32 * len(names)), layout="constrained")
    axes = figure.subplots()
    axes.bar_label(axes.barh(names, numbers, color=PALETTE["focus"][0], height=0.7), padding=4)
    axes.set(xlim=(0, max(numbers) * 1.08 or 1), ylim=(len(names) - 0.5, -0.5))
    axes.xaxis.set_visible(False)
    axes.tick_params(left=False)
    axes.spines[:].set_visible(False)
    figure.suptitle(f"Notebooks, of {total}, that show a misconception", x=0.01, ha="left", fontsize=11)
    return figure


if __name__ == "__main__":
    main()
