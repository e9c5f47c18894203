"""Print the most memory that a notebook's kernel has held, for each notebook: python tools/memory.py FILE...

Linux and macOS only. A student who has two notebooks open has two kernels.
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ASK = """import resource, sys
resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "linux" else 1024**2)"""


def most(path):
    """Run a notebook, store nothing, and return the largest resident size of its kernel in MiB."""
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(ASK))
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
    return int(notebook.cells[-1].outputs[-1].data["text/plain"])


if __name__ == "__main__":
    for name in sys.argv[1:] or sys.exit(__doc__):
        print(f"{most(Path(name)):6,} MiB  {name}", flush=True)
