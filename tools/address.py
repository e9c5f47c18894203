"""Write the repository's address everywhere it occurs: python -m tools.address owner/name [old/name]

The old address is read from _config.yml; name it only after a merge brought in pages with another.
"""

import re
import subprocess
import sys
from fnmatch import fnmatch

from tools import ROOT

# What GitHub accepts, but for names that GitHub Pages would serve somewhere else than at .io/name.
ADDRESS = re.compile(r"[a-z\d](?:[-_]?[a-z\d]){0,38}/(?!.*\.(?:git|github\.io)$)[\w.-]{1,100}", re.A | re.I)


def present():
    """The address in _config.yml, from which all others are found."""
    config = (ROOT / "_config.yml").read_text(encoding="utf-8")
    found = re.search(r"^repository:.*\n(?:[ #].*\n)*? +url: *\"?https://github.com/([\w./-]+)", config, re.M)
    return found[1] if found else sys.exit("_config.yml: no `url: https://github.com/...` in `repository:`")


def occurrences(address):
    """One pattern for github.com, Colab, Binder and GitHub Pages, also in the query of a link."""
    owner, name = map(re.escape, address.split("/"))
    return re.compile(rf"(?:(?<![\w.-])|(?<=%2F)){owner}(/|%2F|\.github\.io/){name}(?![\w-])".encode())


def files():
    """Every file that is in git, or would be with the next `git add`; without git, what .gitignore leaves."""
    if not (ROOT / ".git").exists():
        lines = (ROOT / ".gitignore").read_text("utf-8").splitlines()
        ignored = [line.strip("/") for line in lines if not line.startswith("#")]
        return [path for path in sorted(ROOT.rglob("*")) if path.is_file() and not matches(path, ignored)]
    listing = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                             cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout.decode().split("\0")
    return [ROOT / name for name in sorted(set(listing)) if (ROOT / name).is_file()]


def matches(path, ignored):
    """Whether a part of a path has one of these patterns."""
    return any(fnmatch(part, pattern) for part in path.relative_to(ROOT).parts for pattern in ignored)


def write(new, old):
    owner, name = new.encode().split(b"/")
    for path in files():  # as bytes: line endings, and all that is not the address, stay as they are
        before = path.read_bytes()
        after, count = occurrences(old).subn(lambda found: owner + found[1] + name, before)
        if after != before:
            path.write_bytes(after)
            print(f"{path.relative_to(ROOT).as_posix()}: {count}")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or not all(map(ADDRESS.fullmatch, sys.argv[1:])):
        sys.exit(__doc__)
    write(sys.argv[1], sys.argv[2] if len(sys.argv) == 3 else present())
