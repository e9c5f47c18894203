"""The two checks of the book's numbers notice what they are there to notice, and miss it when told to."""

import json
import subprocess
import sys

import pytest

from tools import ROOT, corrupt


def notebook(folder, markdown, code, printed):
    """Write an executed notebook of one paragraph and one cell."""
    cells = [{"cell_type": "markdown", "id": "text", "metadata": {}, "source": markdown},
             {"cell_type": "code", "id": "cell", "metadata": {}, "source": code, "execution_count": 1, "outputs": [
                 {"output_type": "stream", "name": "stdout", "text": printed}]}]
    page = folder / "page.ipynb"
    page.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return page


def spoil(folder, change="pass"):
    """Spoil the notebooks in a folder, with a tool that may itself be spoilt."""
    code = f"import sys; from tools import corrupt; {change}; sys.exit(corrupt.outputs({str(folder)!r}))"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_every_number_of_a_stored_output_is_altered_and_noticed(tmp_path):
    notebook(tmp_path, "", "print([19, -3.50, 2e-06, 5 > 4])", "[19, -3.5, 2e-06, True]\n")
    result = spoil(tmp_path)
    assert result.returncode == 0, result.stdout
    assert result.stdout.splitlines()[-1].split() == ["all", "together", "4", "4", "0", "0"]


def test_an_alteration_that_passes_is_reported(tmp_path):
    notebook(tmp_path, "", "print(19)", "19\n")
    result = spoil(tmp_path, "corrupt.spoilt = lambda found: found[0]")  # alters nothing, so nobody can notice
    assert result.returncode == 1
    assert "missed: page, cell 0, text: 19 -> 19" in result.stdout


def test_a_book_without_numbers_proves_nothing(tmp_path):
    notebook(tmp_path, "", "print('none')", "none\n")
    result = spoil(tmp_path)
    assert result.returncode == 1
    assert result.stdout.splitlines()[-1].split() == ["all", "together", "0", "0", "0", "0"]


@pytest.mark.parametrize(("prose", "sources"), [
    ("The sum is 56.", ["printed by cell 1"]),
    ("About 20.9 times, or 21.", ["printed by cell 1"] * 2),
    ("26,843,545,600 multiply-adds, or 26.8 billion", ["printed by cell 1"] * 2),
    ("a padding of 3, asserted", ["asserted in cell 1"]),
    ("with 7 channels", ["in the code of cell 1"]),
    ("The sum is 57.", [None]),
    ("$19 + 37 = 56$", ["true"] * 3),
    ("$19 + 37 = 57$", ["FALSE"] * 3),
    ("Section 7.4 of 2023, `77`, a 1x1 layer, float32, TF32", ["a reference", "a year", "code"] + ["a name"] * 4),
    ("[Exercises](exercises.ipynb) 11, 12 and 13 · 20 minutes · hard", ["a reference"] * 3 + ["a time to plan"]),
    ("Since PyTorch 2.6 it takes 20 minutes.", ["a version", None]),
])
def test_a_number_in_prose_has_a_source_or_has_none(tmp_path, prose, sources):
    page = notebook(tmp_path, prose, "padding, n = 4 - 1, 7\nassert padding == 3", "56, 20.915 and 26843545600\n")
    assert [source for _, _, source in corrupt.look(page)] == sources


def test_a_number_without_a_source_fails(tmp_path, capsys):
    assert corrupt.prose([notebook(tmp_path, "The sum is 57.", "print(56)", "56\n")])
    assert "page.ipynb: 57 in: The sum is 57." in capsys.readouterr().out


def test_every_number_in_the_prose_of_the_book_has_a_source(capsys):
    assert not corrupt.main("prose"), capsys.readouterr().out
