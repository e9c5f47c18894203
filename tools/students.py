"""Write the student edition's sources: python -m tools.students FOLDER

It is the book without the answers: no solutions, no page for teachers, no link to either, and no button to
the repository, where both are. FOLDER gets `book`, `_config.yml` and `_toc.yml`; `make students` builds from them.
"""

import json
import re
import shutil
import sys
from pathlib import Path

import yaml

from tools import ROOT

ANSWERS = ("solutions", "teach")
LINK = re.compile(rf"\[([^\]]*)\]\((?:{'|'.join(ANSWERS)})(?:\.ipynb|\.md|\.html)?(?:#[^)]*)?\)")
POINTER = re.compile(rf"\n\n<details>\n<summary>Still stuck\?</summary>\n\n[^<]*{LINK.pattern}[^<]*</details>")
INSTEAD = {  # of what this edition has not: buttons for Colab and Binder, the PDF with the answers, the teachers' page
    "every chapter has a rocket at the top; choose *Colab* there, and run the first cell.":
        "download a chapter by the arrow at the top, as .ipynb. In Colab choose *File, Upload notebook*, and run the "
        "first cell.",
    "- **On Binder:** the same menu; nothing is installed on your machine.\n": "",
    " For the whole book with JupyterLab, see [for teachers](teach.md#how-many-students-do-you-have).": "",
    "- **On paper:** [the whole book as a PDF](https://your_name.github.io/d2lconv/book.pdf).\n": "",
    "open this page in Colab or Binder with the rocket at the top, or in JupyterLab at home":
        "open this notebook in Colab, with *File, Upload notebook*, or in JupyterLab at home",
}
ROW = re.compile(rf"^\|.*{LINK.pattern}.*\|\n", re.MULTILINE)


def without_answers(text):
    """Take a page's ways to the answers away: pointers and rows of tables with them, elsewhere only the link.

    >>> without_answers("**Exercise 1**: write it down before you look at the [solutions](solutions.ipynb).")
    '**Exercise 1**: write it down before you look at the solutions.'
    """
    for ours, theirs in INSTEAD.items():
        text = text.replace(ours, theirs)
    return LINK.sub(r"\1", POINTER.sub("", ROW.sub("", text)))


def copy_page(source, target):
    """Copy a page without its links to the answers; in a notebook, from its text."""
    if source.suffix != ".ipynb":
        target.write_text(without_answers(source.read_text("utf-8")), "utf-8")
        return
    notebook = json.loads(source.read_text("utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = without_answers("".join(cell["source"])).splitlines(keepends=True)
    target.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", "utf-8")


def contents():
    """The table of contents without the answers, and without a part that had nothing else."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
    for part in toc["parts"]:
        part["chapters"] = [chapter for chapter in part["chapters"] if chapter["file"] not in ANSWERS]
    return {**toc, "parts": [part for part in toc["parts"] if part["chapters"]]}


def settings():
    """The settings, without buttons that lead to the repository."""
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
    config["html"].update(use_repository_button=False, use_edit_page_button=False, use_issues_button=False)
    extensions = config["sphinx"]["local_extensions"]
    config["sphinx"]["local_extensions"] = {name: str(ROOT / place) for name, place in extensions.items()}
    del config["launch_buttons"]
    return config


def write(folder):
    """Write the sources into a folder, whose older contents go."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "book", folder / "book", ignore=shutil.ignore_patterns(".*", "*.ipynb", "*.md"))
    for page in sorted((ROOT / "book").glob("*.*")):
        if page.suffix in (".ipynb", ".md") and page.stem not in ANSWERS:
            copy_page(page, folder / "book" / page.name)
    for name, value in {"_toc.yml": contents(), "_config.yml": settings()}.items():
        (folder / name).write_text(yaml.safe_dump(value, sort_keys=False, allow_unicode=True), "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) == 2 else sys.exit(__doc__))
