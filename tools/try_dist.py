"""Install each built file on its own, and run the README's first example: python tools/try_dist.py FILE...

Every file gets an empty environment, which then sees those packages that the file's metadata asks for, and
what they ask for, and nothing else. They are linked from this environment, so that nothing is downloaded
but what builds the sdist. This proves that the file is complete and that `dependencies` names all that it
imports; it does not prove that those dependencies can be had from an index.
"""

import re
import subprocess
import sys
import tempfile
import venv
from importlib.metadata import PackageNotFoundError, PathDistribution, distribution
from pathlib import Path

from packaging.requirements import Requirement


def needed(built, seen):
    """Add to `seen` every distribution that this one needs, directly or not, here and without extras."""
    for text in built.requires or []:
        requirement = Requirement(text)
        if requirement.name not in seen and (not requirement.marker or requirement.marker.evaluate({"extra": ""})):
            try:
                seen[requirement.name] = distribution(requirement.name)
            except PackageNotFoundError:  # the CUDA packages that the CPU's torch does without
                continue
            needed(seen[requirement.name], seen)
    return seen


def try_one(file, folder):
    """Install one file into an empty environment in `folder`, and run the example that its metadata carries."""
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    pip = [sys.executable, "-m", "pip", f"--python={python}", "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, file], check=True)
    packages, = folder.glob("lib/python*/site-packages")
    built = PathDistribution(next(packages.glob("*.dist-info")))  # the only one so far
    dependencies = needed(built, {})
    for dependency in dependencies.values():
        for name in {path.parts[0] for path in dependency.files if path.parts[0] != ".."}:
            if not (packages / name).exists():
                (packages / name).symlink_to(dependency.locate_file(name))
    example = re.search(r"```python\n(.*?)```", built.metadata.get_payload(), re.DOTALL)[1]
    example += "print(len(d2l.explore()._repr_html_()), 'characters of explorer')"  # page, script and style
    printed = subprocess.run([python, "-I", "-W", "error", "-c", example],
                             cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout
    print(f"--- {file.name}, with {len(dependencies)} packages\n{printed}", end="")


if __name__ == "__main__":
    for name in sys.argv[1:] or sys.exit(__doc__):
        with tempfile.TemporaryDirectory() as folder:
            try_one(Path(name), Path(folder))
