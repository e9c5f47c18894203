"""Ask whether the book's numbers are watched: python -m tools.corrupt outputs FOLDER, ... prose [PAGE...]

outputs: in FOLDER are copies of the notebooks. nbval runs each of them once, as `make test` does. After each
cell, every number and truth value in the cell's stored text is changed, one at a time, and compared with the
fresh outputs by nbval's own code. One that passes is printed.

prose: printed are all the numbers, each with the nearest cell on its page that prints it, asserts it, or has it
in its code, or with the reason why it needs none (ALLOWED). It is a net, not a proof: a number that stands in
some cell for another reason passes, signs are not looked at, and numbers written as words, or drawn in a
picture, are not seen.

The exit status is 1 if a change passes, or a number has no source.
"""

import ast
import copy
import json
import re
import sys
from collections import Counter
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from nbval.plugin import IPyNbCell, coalesce_streams

from tools import ROOT

# Stored outputs.

STORED = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?|\b(?:True|False|nan|inf)\b")


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
            for found in STORED.finditer(text):
                if not cell.options["check"]:
                    self.not_compared[name] += 1
                    continue
                place[key] = text[:found.start()] + spoilt(found) + text[found.end():]
                self.numbers[name] += 1
                if cell.compare_outputs(cell.test_outputs, stored):
                    self.missed.append((name, f"cell {cell.cell_num}, {key}: {found[0]} -> {spoilt(found)}"))
            place[key] = text


def outputs(folder):
    corruption = Corruption()
    options = ["-p", "tests.nbval_settings", "-p", "no:cacheprovider", "--assert=plain", "-q", "--disable-warnings"]
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


# Prose.

NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?(?:e[+-]?\d+)?")
ONE = r"\d+(?:[.,]\d+)*"
MORE = rf"{ONE}(?:(?:,| and|, and| or| to) {ONE})*"
ALLOWED = {  # what needs no cell, tried in this order; the rest of the text is prose
    "code": r"(?s:```.*?```)|`[^`]+`|^(?: {4}|\t).*$",
    "a link": r"(?<=\])\([^)]*\)|\[\d+\](?=\()|https?://\S+|^\([\w-]+\)=$|\{[a-z]+\}",
    "an entry's number": r"^ *\d+\. |\*\*(?:Exercise|Solution) \d+\*\*",
    "a reference": rf"(?i:\b(?:sections?|equations?|exercises?|D2L|chapters?|units?|course STAT|Rec\.))"
                   rf"(?:\]\([^)]*\))? {MORE}",
    "a time to plan": rf"{ONE} minutes ·",
    "a version": rf"\d+\.\d+\.\d+|\b(?:Python|PyTorch|Keras|[Nn]um[Pp]y|pandas|BY-SA|Colab|version) {ONE}",
    "a name": r"\b(?!\d+(?:\.\d+)?e-?\d)\w*(?:\d[A-Za-z@]|[A-Za-z_]\d)[\w@]*|\b\d-D\b|\b[A-Z]\w*-\d+\b",
    "a label": rf"(?i:\b(?:channels?|axis|kernels?|slices?|rows?|columns?|outputs?|pixels?|groups?|number)) {MORE}",
    "a year": r"\b(?:19|20)\d\d\b(?! [a-z]+s\b)",
    "a definition": r"both 1 unless said otherwise|count from 0|maps of 64 rows and 64 columns|180 degrees"
                    r"|\^\{-24\}|from 0 to 255|divide by 255",
}
OTHERS = {  # pages without cells
    "teach.md": "a lesson's own number, part of a question, or an answer that tests/test_teach.py computes"}
FORMULA = re.compile(r"(?s:\$\$.*?\$\$)|\$[^$]+\$")
SCALES = {"thousand": 3, "million": 6, "billion": 9, "KB": 3, "MB": 6, "GB": 9, "%": -2, "percent": -2, "per cent": -2}


def value(text):
    return Decimal(text.replace(",", ""))


def holds(formula):
    """Whether an equation of numbers alone, such as $19 + 37 = 56$, is true; None for any other formula."""
    sides = re.sub(r"\\(?:cdot|times)\b", "*", formula.strip("$")).split("=")
    if len(sides) < 2 or not all(re.fullmatch(r"[\d\s.+*/()-]+", side) for side in sides):
        return None
    return len({eval(side.strip()) for side in sides}) == 1


def blocks(page):
    """The page's parts as (kind, source, outputs); the explorer on a Markdown page counts as a cell."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".ipynb":
        return [(cell["cell_type"], "".join(cell["source"]), cell.get("outputs", []))
                for cell in json.loads(text)["cells"]]
    if "```{explore}" in text:
        from d2lconv import explore
        return [("markdown", text, []), ("code", "", [{"text": repr(explore())}])]
    return [("markdown", text, [])]


def numbers_in(source, outputs):
    """The numbers that a cell prints, asserts, or has in its code, each list with its verb."""
    printed = " ".join("".join(text) for output in outputs
                       for key, text in (output | output.get("data", {})).items() if key.startswith("text"))
    printed = re.sub(r"(?s)<(script|style)\b.*?</\1>|<[^>]*>", " ", printed)
    tree = ast.parse(re.sub(r"^( *)[%!].*$", r"\1pass", source, flags=re.MULTILINE))

    def literals(root):
        return [Decimal(repr(node.value)) for node in ast.walk(root)
                if isinstance(node, ast.Constant) and type(node.value) in (int, float)]

    return {"printed by": [value(number) for number in NUMBER.findall(printed)],
            "asserted in": [n for node in ast.walk(tree) if isinstance(node, ast.Assert) for n in literals(node)],
            "in the code of": literals(tree)}


def shows(number, shown, power):
    """Whether `shown` is the prose's number, or rounds to it, in thousands, millions or percent if it says so."""
    if shown == value(number):
        return True
    places = Decimal(1).scaleb(value(number).as_tuple().exponent)
    exact = shown.scaleb(-power)
    return (power != 0 or exact != exact.to_integral_value()) and value(number) in (
        exact.quantize(places, ROUND_HALF_UP), exact.quantize(places, ROUND_HALF_EVEN))


def source_of(number, after, place, cells):
    """The best reason for a number: a cell that prints it, or else asserts it, or else has it in its code."""
    power = next((power for word, power in SCALES.items() if re.match(rf"[ \u00a0]?{word}(?!\w)", after)), 0)
    for verb in ("printed by", "asserted in", "in the code of"):
        near = sorted((abs(cell - place), cell) for cell, numbers in cells.items()
                      if any(shows(number, shown, power) for shown in numbers[verb]))
        if near:
            return f"{verb} cell {near[0][1]}"
    return None


def look(page):
    """Every number in a page's prose as (number, words around it, its source or None)."""
    parts = blocks(page)
    cells = {place: numbers_in(source, outputs)
             for place, (kind, source, outputs) in enumerate(parts) if kind == "code"}
    allowed = re.compile("|".join(f"({pattern})" for pattern in ALLOWED.values()), re.MULTILINE)
    for place, (kind, text, _) in enumerate(parts):
        if kind != "markdown":
            continue
        spans = {}  # where nothing needs a cell, and why
        for found in allowed.finditer(text):
            spans.update(dict.fromkeys(range(*found.span()), list(ALLOWED)[found.lastindex - 1]))
        for found in FORMULA.finditer(text):
            reason = "a formula" if not cells else {True: "true", False: "FALSE", None: None}[holds(found[0])]
            if reason:
                spans.update(dict.fromkeys(range(*found.span()), reason))
        for found in NUMBER.finditer(text):
            around = " ".join(text[max(0, found.start() - 40):found.end() + 30].split())
            reason = spans.get(found.start())
            yield found[0], around, (reason or source_of(found[0], text[found.end():], place, cells)
                                     or OTHERS.get(page.name))


def prose(pages):
    counts, without = {}, []
    for page in pages:
        count = counts[page.name] = Counter()
        for number, around, source in look(page):
            print(f"{page.name} | {number} | {source or 'NO SOURCE'} | {around}")
            verb, _, cell = (source or "").partition(" cell ")
            count["without" if source in (None, "FALSE") else verb if cell else "needs none"] += 1
            if source in (None, "FALSE"):
                without.append(f"{page.name}: {number} in: {around}")
    kinds = ["printed by", "asserted in", "in the code of", "needs none", "without"]
    print(f"\n{'page':24}" + "".join(f"{kind:>16}" for kind in [*kinds, "together"]))
    for name, count in [*counts.items(), ("all together", sum(counts.values(), Counter()))]:
        print(f"{name:24}" + "".join(f"{n:16}" for n in [*(count[kind] for kind in kinds), count.total()]))
    print(*["", "without a source:", *without] if without else [], sep="\n")
    return bool(without)


def main(command="", *places):
    if command == "outputs" and len(places) == 1:
        return outputs(places[0])
    if command == "prose":
        return prose([Path(place) for place in places] or sorted(
            path for path in (ROOT / "book").iterdir() if path.suffix in (".md", ".ipynb")))
    return __doc__


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
