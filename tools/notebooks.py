"""Run notebooks and store their outputs, so that a second run changes nothing.

python tools/notebooks.py [--measure] FILE...

Cells tagged nbval-ignore-output hold measurements. They are run too, but keep what they had stored,
unless --measure is given.
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def run(path, measure):
    """Execute one notebook in its folder, and write it back without what changes from run to run."""
    notebook = nbformat.read(path, as_version=4)
    before = {cell.id: cell.get("outputs") for cell in notebook.cells}
    folder = {"metadata": {"path": str(path.parent)}}
    NotebookClient(notebook, timeout=300, coalesce_streams=True, resources=folder).execute()
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        cell.metadata = {"tags": tags} if tags else {}  # nbclient adds the times of execution
        if "nbval-ignore-output" in tags and before[cell.id] and not measure:
            cell.outputs = before[cell.id]
            for output in cell.outputs:
                if "execution_count" in output:
                    output.execution_count = cell.execution_count
    kernel = {"display_name": "Python 3", "name": "python3"}
    notebook.metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    nbformat.write(notebook, path)


if __name__ == "__main__":
    paths = [Path(argument) for argument in sys.argv[1:] if argument != "--measure"]
    for path in paths or sys.exit(__doc__):
        print(path, flush=True)
        run(path, measure="--measure" in sys.argv)
