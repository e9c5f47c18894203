"""Write down which stored outputs a machine has reproduced: python tools/record.py LANE REPORT.xml...

LANE is cpu, cuda or repeats; the reports are nbval's, in JUnit's format, of the runs that have just ended,
one for cpu and cuda, many for repeats. The page `verified` shows what stands in book/verified.json; nothing
else writes there.
"""

import datetime
import hashlib
import json
import platform
import runpy
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "book" / "verified.json"


def fingerprint():
    """Hash the package and the notebooks, whatever the repository's address is, to know an outdated record."""
    digest, address = hashlib.sha256(), runpy.run_path(str(ROOT / "tools" / "address.py"))
    own = address["occurrences"](address["present"]())
    sources = {".py", ".js", ".html", ".css", ".json"}
    package = [path for path in ROOT.glob("d2lconv/**/*") if path.suffix in sources]
    for path in sorted([*package, *ROOT.glob("book/*.ipynb")]):
        digest.update(path.relative_to(ROOT).as_posix().encode() + own.sub(b"", path.read_bytes()))
    return digest.hexdigest()[:16]


def cells(report):
    """Count the cells whose outputs were compared, and those that were equal."""
    compared = {}
    for path in ROOT.glob("book/*.ipynb"):
        code = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
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


def write(lane, entry):
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    RECORD.write_text(json.dumps(record | {lane: entry}, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) < 3 or sys.argv[1] not in ("cpu", "cuda", "repeats"):
        sys.exit(__doc__)
    lane, *reports = sys.argv[1:]
    compared, equal = (sum(counts) for counts in zip(*map(cells, reports)))
    write(lane, {**machine(lane), "date": datetime.date.today().isoformat(), "state": fingerprint(),
                 "runs": len(reports), "compared": compared, "equal": equal})
    print(f"{equal} of {compared} cells equal")
    sys.exit(equal < compared)
