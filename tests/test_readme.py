"""The README's example runs, its numbers are counted, and its links lead somewhere from wherever it is read."""

import re

from tools import ROOT, bank

README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_there_is_an_example():
    assert EXAMPLES


def test_the_first_example_prints_an_output_and_its_arithmetic(capsys):
    exec(EXAMPLES[0], {})
    printed = capsys.readouterr().out
    assert printed.startswith("tensor([[[268., 296.],\n         [352., 380.]]])\n")
    assert printed.endswith("= 19 + 249 = 268\n")
    assert (0*0 + 1*1 + 3*2 + 4*3) + (9*4 + 10*5 + 12*6 + 13*7) == 19 + 249 == 268


def test_it_is_short_enough_to_be_read():
    assert len(README.splitlines()) <= 80


def test_what_it_counts_is_there():
    exercises = (ROOT / "book/exercises.ipynb").read_text("utf-8")
    counts = {
        "notebooks": len([*ROOT.glob("book/*.ipynb")]),
        "exercises": len(re.findall(r"\*\*Exercise \d+\*\*", exercises)),
        "questions": bank.SIZE,
        "runs": int(re.search(r"notebooks repeat (\d+)", (ROOT / "Makefile").read_text("utf-8"))[1])}
    found = {what: int(number) for number, what in re.findall(rf"(\d+) ({'|'.join(counts)})\b", README)}
    assert found == counts
    assert "three variants" in README
    assert len(bank.VARIANTS) == 3
    assert "two lessons" in README
    assert len(re.findall(r"^```\{lesson\}", (ROOT / "book/teach.md").read_text("utf-8"), re.MULTILINE)) == 2


def test_its_links_hold_on_a_package_index_too():
    links = re.findall(r"\]\(([^)]*)\)", README)
    assert len(links) > 5
    for link in links:
        place = re.fullmatch(r"https://(?:\S+/(?:blob/)?main/(\S+)|\S+\.github\.io/[^/]+/(?:(\S+)\.html)?|\S+)", link)
        assert place
        assert not place[1] or (ROOT / place[1]).exists()
        assert not place[2] or [*ROOT.glob(f"book/{place[2]}.*")]
