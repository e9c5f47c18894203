"""Measure how long a class takes: make 80 notebooks of the solutions, with slips and pranks, and grade them.

python -m benchmarks.grade [how many] [options of d2lconv.grade]
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from d2lconv import grade

SOLUTIONS = Path(__file__).parents[1] / "book/solutions.ipynb"
SLIPS = ("+ 1", "- 1"), (".sum()", ".mean()"), ("k_h", "k_w"), ("range(", "range(1, "), ("* ", "+ "), ("(", "(2 * ")
PRANKS = "while True: pass", "import os; os._exit(0)", "x = bytearray(1 << 40)", "1 / 0", "import os; os.kill(1, 9)"


def notebook(number):
    """Write a student's notebook: the solutions, a slip in every fourth function, a prank in every fifth notebook."""
    cells = json.loads(SOLUTIONS.read_text("utf-8"))["cells"]
    cells = [cell for cell in cells if cell["cell_type"] == "code"]
    for place, cell in enumerate(cells):
        source = "".join(cell["source"])
        head, mark, body = source.partition("):\n")
        if source.startswith("def ") and (number + place) % 4 == 0:
            source = head + mark + body.replace(*SLIPS[(number + place) // 4 % len(SLIPS)])
        cell["source"] = source
    if number % 5 == 0:
        cells.insert(3 + number % len(cells), {"cell_type": "code", "source": PRANKS[number // 5 % len(PRANKS)]})
    return json.dumps({"cells": cells})


def main(count="80", *options):
    """Grade so many notebooks, and print the seconds."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number:03}.ipynb" for number in range(int(count))]
        for number, path in enumerate(paths):
            path.write_text(notebook(number), "utf-8")
        begun = time.monotonic()
        marks = "--csv", f"{folder}/marks.csv", "--figure", f"{folder}/marks.png"
        grade.main([*map(str, paths), *marks, *options])
        print(f"{count} notebooks: {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
