"""Run notebooks: python -m tools.notebooks COMMAND FILE...

store FILE...          run them, and store their outputs, so that a second run changes nothing
measure FILE...        the same, with what cells tagged nbval-ignore-output have measured
memory FILE...         print the most memory that each one's kernel has held (Linux and macOS)
repeat TIMES FOLDER    compare a folder's notebooks with their stored outputs so many times, in random order;
                       what run N says goes into FOLDER/N.xml
record LANE REPORT...  count in nbval's reports, JUnit's format, what the lane (cpu, cuda, repeats) has reproduced,
                       and write it into book/verified.json for the page `verified`
"""

import datetime
import hashlib
import json
import platform
import random
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path

from tools import ROOT
from tools.address import occurrences, present

RECORD = ROOT / "book" / "verified.json"
METADATA = {"kernelspec": {"display_name": "Python 3", "name": "python3"},
            "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python",
                              "nbconvert_exporter": "python"}}
A_CHART = "A chart; the text around it says what it shows"
ASK = """import resource, sys
resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1024 if sys.platform == "linux" else 1024**2)"""


def execute(path, *more):
    """Run a notebook in its folder, and behind its cells some more code; return it as nbformat has it."""
    import nbformat
    from nbclient import NotebookClient

    import tests.ipc  # noqa: F401 - kernels without ports

    notebook = nbformat.read(path, as_version=4)
    notebook.cells += map(nbformat.v4.new_code_cell, more)
    folder = {"metadata": {"path": str(path.parent)}}
    return NotebookClient(notebook, timeout=300, coalesce_streams=True, resources=folder).execute()


def alternative(source, text):
    """Say what a cell's picture shows: the text of the same output; of a plain figure, the cell's first comment."""
    comment = source.partition("\n")[0].removeprefix("# ") if source.startswith("# ") else ""
    return text if text and not text.startswith("<") else comment or A_CHART


def store(path, measure=False):
    """Run a notebook, and write it back without what changes from run to run."""
    import nbformat

    before = {cell.id: cell.get("outputs") for cell in nbformat.read(path, as_version=4).cells}
    notebook = execute(path)
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        cell.metadata = {"tags": tags} if tags else {}  # nbclient adds the times of execution
        if "nbval-ignore-output" in tags and before[cell.id] and not measure:
            cell.outputs = before[cell.id]
            for output in cell.outputs:
                if "execution_count" in output:
                    output.execution_count = cell.execution_count
        for output in cell.get("outputs", []):
            for kind in output.get("data", {}).keys() & {"image/png", "image/jpeg"}:
                shown = output.metadata.setdefault(kind, {})  # it may have its width here
                shown["alt"] = alternative(cell.source, output.data.get("text/plain", ""))
    notebook.metadata = METADATA
    nbformat.write(notebook, path)


def memory(path):
    """Return the largest resident size of a notebook's kernel in MiB. Two open notebooks are two kernels."""
    return int(execute(path, ASK).cells[-1].outputs[-1].data["text/plain"])


def repeat(times, folder):
    """Run a folder's notebooks again and again, and show what fails."""
    notebooks = sorted(map(str, Path(folder).glob("*.ipynb")))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.nbval_settings", "-n", "2", "--dist=loadscope"]
    for number in range(1, int(times) + 1):
        random.Random(number).shuffle(notebooks)
        run = subprocess.run([*command, f"--junitxml={folder}/{number}.xml", *notebooks],
                             cwd=ROOT, capture_output=True, text=True)
        print(f"run {number}:", run.stdout if run.returncode else run.stdout.splitlines()[-1], flush=True)


def fingerprint():
    """Hash the package and the notebooks, whatever the repository's address is, to know an outdated record."""
    digest, own = hashlib.sha256(), occurrences(present())
    sources = {".py", ".js", ".html", ".css", ".json"}
    package = [path for path in ROOT.glob("d2lconv/**/*") if path.suffix in sources]
    for path in sorted([*package, *ROOT.glob("book/*.ipynb")]):
        digest.update(path.relative_to(ROOT).as_posix().encode() + own.sub(b"", path.read_bytes()))
    return digest.hexdigest()[:16]


def count(report):
    """Count the cells whose outputs were compared, and those that were equal."""
    compared = {}
    for path in ROOT.glob("book/*.ipynb"):
        code = [cell for cell in json.loads(path.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]
        compared[path.stem] = [n for n, cell in enumerate(code)
                               if "nbval-ignore-output" not in cell["metadata"].get("tags", [])]
    equal = 0
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        notebook = case.get("classname").removesuffix(".ipynb").split(".")[-1]  # folder.name.ipynb
        equal += len(case) == 0 and int(case.get("name").split()[-1]) in compared[notebook]
    return sum(map(len, compared.values())), equal


def machine(lane):
    """Say what computed."""
    import torch

    if lane == "cuda":
        driver = subprocess.run(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader", "--id=0"],
                                check=True, capture_output=True, text=True).stdout.strip()
        return {"device": torch.cuda.get_device_name(), "torch": torch.__version__,
                "cuda": torch.version.cuda, "driver": driver}
    return {"device": f"{platform.machine()}, {platform.system()}", "torch": torch.__version__}


def record(lane, *reports):
    """Write what a lane has reproduced; True if a cell differs."""
    compared, equal = (sum(counts) for counts in zip(*map(count, reports)))
    entry = {**machine(lane), "date": datetime.date.today().isoformat(), "state": fingerprint(),
             "runs": len(reports), "compared": compared, "equal": equal}
    before = json.loads(RECORD.read_text("utf-8")) if RECORD.exists() else {}
    RECORD.write_text(json.dumps(before | {lane: entry}, indent=1, sort_keys=True) + "\n", "utf-8")
    print(f"{equal} of {compared} cells equal")
    return equal < compared


def main(command="", *arguments):
    if command == "repeat" and len(arguments) == 2:
        return repeat(*arguments)
    if command == "record" and len(arguments) > 1 and arguments[0] in ("cpu", "cuda", "repeats"):
        return record(*arguments)
    if command not in ("store", "measure", "memory") or not arguments:
        return __doc__
    for path in map(Path, arguments):
        print(path, flush=True)
        if command == "memory":
            print(f"{memory(path):6,} MiB")
        else:
            store(path, measure=command == "measure")
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
