"""The student edition has the exercises, and nowhere a way to the answers; other graders can call the checkers."""

import json
import re

import pytest
import yaml

from d2lconv import corr2d, exercises
from tools import ROOT, students

CELLS = re.findall(r"```python\n(.*?)```", (ROOT / "book/teach.md").read_text("utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def edition(tmp_path_factory):
    folder = tmp_path_factory.mktemp("edition") / "students"
    students.write(folder)
    return folder


def prose(page):
    """What a page says; of a notebook, also its code."""
    if page.suffix == ".md":
        return page.read_text("utf-8")
    return "\n".join("".join(cell["source"]) for cell in json.loads(page.read_text("utf-8"))["cells"])


def test_no_page_has_a_link_to_the_answers(edition):
    pages = [*edition.glob("book/*.md"), *edition.glob("book/*.ipynb")]
    assert len(pages) > 10
    targets = [link for page in pages for link in re.findall(r"\]\(([^)]*)\)", prose(page))]
    assert len(targets) > 50
    assert not [target for target in targets if re.match("solutions|teach", target)]


def test_every_page_in_the_contents_is_there_and_no_answer_is(edition):
    toc = yaml.safe_load((edition / "_toc.yml").read_text("utf-8"))
    names = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    assert "exercises" in names
    assert not {"solutions", "teach"} & set(names)
    pages = [*edition.glob("book/*.md"), *edition.glob("book/*.ipynb")]
    assert {page.stem for page in pages} == {"index", *names}


def test_the_exercises_lose_their_pointers_and_nothing_else(edition):
    ours, theirs = (prose(folder / "book/exercises.ipynb") for folder in (ROOT, edition))
    pointer = r"\n\n<details>\n<summary>Still stuck\?</summary>\n\nRead \[the solution\].*\n\n</details>"
    assert len(re.findall(pointer, ours)) == len(re.findall(r"\*\*Exercise \d+\*\*", ours)) > 0
    stripped = re.sub(r"\[(solutions)\]\([^)]*\)", r"\1", re.sub(pointer, "", ours))
    (rocket,) = (place for place in students.INSTEAD if place in ours)
    assert theirs == stripped.replace(rocket, students.INSTEAD[rocket])


def test_what_this_edition_has_not_is_said_nowhere(edition):
    ours, theirs = ("\n".join(prose(page) for page in folder.glob("book/*.*") if page.suffix in (".md", ".ipynb"))
                    for folder in (ROOT, edition))
    assert [ours.count(place) for place in students.INSTEAD] == [1] * len(students.INSTEAD)
    assert not re.search(r"rocket|book\.pdf|for teachers", theirs)


def test_no_button_leads_to_the_repository(edition):
    config = yaml.safe_load((edition / "_config.yml").read_text("utf-8"))
    assert "launch_buttons" not in config
    assert not any(value for name, value in config["html"].items() if name.endswith("_button"))


def wrong(X, K):
    return corr2d(X, K) + 1


@pytest.mark.parametrize(("function", "right"), [(corr2d, True), (wrong, False), (lambda X, K: ..., False)])
def test_a_cell_of_nbgrader_raises_unless_the_function_is_right(function, right):
    """nbgrader runs the cell in the notebook; an error gives no points, and is shown."""
    names = {"corr2d": function, "exercises": exercises}
    if right:
        exec(CELLS[0], names)
    else:
        with pytest.raises(AssertionError, match=r"Not yet|not right yet"):
            exec(CELLS[0], names)


@pytest.mark.parametrize(("function", "right"), [(corr2d, True), (wrong, False)])
def test_a_cell_of_otter_raises_unless_the_function_is_right(function, right):
    """Otter Assign takes the settings off, and calls the test with what the notebook has by the parameters' names."""
    _, config, code = re.split(r'""" # (?:BEGIN|END) TEST CONFIG\n', CELLS[1])
    assert yaml.safe_load(config) == {"points": 1}
    names = {}
    exec(code, names)
    if right:
        names["test_corr2d"](function, exercises)
    else:
        with pytest.raises(AssertionError, match="not right yet"):
            names["test_corr2d"](function, exercises)


