"""Spoil the book one number at a time, and see whether somebody notices: python tools/corrupt.py FOLDER

In FOLDER are copies of the notebooks. nbval runs each of them once, with the options that `make test` gives
it. After each cell, every number and truth value in the cell's stored text is changed, one at a time, and
compared with the fresh outputs by nbval's own code. One that passes is printed, and the exit status is 1.
"""

import copy
import re
import sys
from collections import Counter
from pathlib import Path

import pytest
from nbval.plugin import IPyNbCell, coalesce_streams

ROOT = Path(__file__).resolve().parent.parent
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?|\b(?:True|False|nan|inf)\b")


def spoilt(found):
    """Change a number in its last digit, and a truth value into the other."""
    word = found[0]
    return {"True": "False", "False": "True"}.get(word) or word[:-1] + (
        str((int(word[-1]) + 1) % 10) if word[-1].isdigit() else "?")


def texts(outputs):
    """Every stored text as (where it hangs, its key, what it says); pictures are not text."""
    for output in outputs:
        for place in (output, output.get("data", {})):
            for key, text in place.items():
                if isinstance(text, str) and not key.startswith(("image/png", "image/jpeg", "output_type", "name")):
                    yield place, key, text


class Corruption:
    """A pytest plugin: what nbval would say of each spoilt number."""

    def __init__(self):
        self.numbers, self.missed, self.not_compared = Counter(), [], Counter()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item):
        result = yield
        if isinstance(item, IPyNbCell):
            self.spoil(item, Path(item.path).stem)
        return result

    def spoil(self, cell, name):
        """Change each number of a cell that has just passed, and compare again."""
        cell.format_output_compare = lambda *_: None  # nobody reads these thousand reports
        stored = copy.deepcopy(coalesce_streams(cell.cell.outputs))
        for place, key, text in texts(stored):
            for found in NUMBER.finditer(text):
                if not cell.options["check"]:
                    self.not_compared[name] += 1
                    continue
                place[key] = text[:found.start()] + spoilt(found) + text[found.end():]
                self.numbers[name] += 1
                if cell.compare_outputs(cell.test_outputs, stored):
                    self.missed.append((name, f"cell {cell.cell_num}, {key}: {found[0]} -> {spoilt(found)}"))
            place[key] = text


def main(folder):
    corruption = Corruption()
    options = ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=120",
               f"--nbval-sanitize-with={ROOT / 'tests/nbval-sanitize.cfg'}", "-p", "no:cacheprovider", "--assert=plain",
               "--quiet", "--disable-warnings"]
    failed = pytest.main([*options, folder], plugins=[corruption])
    for name, where in corruption.missed:
        print(f"missed: {name}, {where}")
    missed = Counter(name for name, _ in corruption.missed)
    print(f"\n{'notebook':20} {'altered':>8} {'noticed':>8} {'missed':>8} {'not compared':>13}")
    for name in [*sorted({*corruption.numbers, *corruption.not_compared}), "all together"]:
        altered, passed, left = (counts.total() if name == "all together" else counts[name]
                                 for counts in (corruption.numbers, missed, corruption.not_compared))
        print(f"{name:20} {altered:8} {altered - passed:8} {passed:8} {left:13}")
    return bool(failed or corruption.missed or not corruption.numbers)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]) if len(sys.argv) == 2 else __doc__)
