"""Run notebooks again and again, each time in another order: python tools/repeat.py TIMES FOLDER NBVAL-OPTION...

What a run says goes into FOLDER/<number>.xml, from which tools/record.py counts; where a cell fails, it is shown.
"""

import random
import subprocess
import sys
from pathlib import Path


def main(times, folder, *options):
    notebooks = sorted(map(str, Path(folder).glob("*.ipynb")))
    for number in range(1, int(times) + 1):
        random.Random(number).shuffle(notebooks)
        run = subprocess.run([sys.executable, "-m", "pytest", *options, "-q", f"--junitxml={folder}/{number}.xml",
                              *notebooks], capture_output=True, text=True)
        print(f"run {number}:", run.stdout if run.returncode else run.stdout.splitlines()[-1], flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
