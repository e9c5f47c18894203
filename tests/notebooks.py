"""Small executed notebooks, and nbval over any notebooks, as the Makefile runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def read(path):
    """Read a notebook as JSON."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def code_cells(notebook):
    """List the cells that hold code."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def miniature(*pairs):
    """Make an executed notebook from pairs of code and stored text."""
    cells = [{
        "cell_type": "code", "id": f"cell-{i}", "metadata": {}, "source": code, "execution_count": i,
        "outputs": [{"output_type": "execute_result", "execution_count": i, "metadata": {},
                     "data": {"text/plain": text}}],
    } for i, (code, text) in enumerate(pairs, 1)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    return {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}


def write(notebook, path):
    """Write a notebook, and return the path."""
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


def nbval(*paths, folder, **environment):
    """Compare notebooks with their stored outputs, from a folder in which no settings of ours are found."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.nbval_settings", "-p", "no:cacheprovider", *paths], cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment, capture_output=True, text=True, timeout=600)
