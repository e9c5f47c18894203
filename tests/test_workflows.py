"""What must stand twice, for systems without make and for Binder, says the same in both places."""

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
SETUP = ".github/actions/setup/action.yml"


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def commands_without_make():
    """What the job `systems` runs, but for the tests that need the built site, and what sets it up."""
    job = re.search(r"\n  systems:.*?\n  (?=\w)", read(".github/workflows/check.yml"), re.DOTALL)[0]
    setup = read(SETUP).replace("$INSTALL", re.search("install: (.*)", job)[1])
    return [re.sub(r" --ignore=\S+", "", line) for line in re.findall(r"python -m .*", setup + job)]


def test_there_are_commands_to_compare():
    assert len(commands_without_make()) == 4


@pytest.mark.parametrize("command", commands_without_make())
def test_a_system_without_make_runs_what_make_runs(command):
    makefile = re.sub(r"\s*\\\n\s*", " ", read("Makefile"))
    for only_there in ("$(BIN)/", " $(OR_SAY)", " --no-compile"):
        makefile = makefile.replace(only_there, "")
    assert f"\t{command}\n" in makefile.replace("\t@", "\t")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_calls_targets_that_exist(path):
    targets = set(re.findall(r"^([\w-]+):", read("Makefile"), re.MULTILINE))
    assert set(re.findall(r"run: make ([\w-]+)", path.read_text(encoding="utf-8"))) <= targets


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-no-deps.txt", "binder/requirements.txt"])
def test_pip_can_read_every_line(name):
    lines = [line.split("#")[0].strip() for line in read(name).splitlines()]
    assert [str(Requirement(line)) for line in lines if line and not line.startswith("-")]


def test_binder_installs_a_part_of_what_made_the_book():
    binder, book = ({line.split("#")[0].strip() for line in read(name).splitlines()} - {""}
                    for name in ("binder/requirements.txt", "requirements.txt"))
    assert [line.split()[0] for line in binder - book] == ["--extra-index-url"]


def test_what_comes_without_its_dependencies_is_pinned_in_one_place_and_on_the_pages_that_tell_readers():
    pins = re.findall(r"^(\S+)==(\S+)", read("requirements-no-deps.txt"), re.MULTILINE)
    assert dict(pins).keys() == {"d2l", "facenet-pytorch"}
    files = [ROOT / name for name in ("Makefile", "binder/postBuild", "requirements.txt", SETUP)]
    for path in [*files, *WORKFLOWS, *ROOT.glob("book/*.md"), *ROOT.glob("book/*.ipynb")]:
        for name, version in pins:
            found = re.findall(rf"pip install[^\n`]*{name}==([\d.]+)", path.read_text("utf-8"))
            assert set(found) <= ({version} if path.parent.name == "book" else set()), path


def test_no_job_sets_itself_up():
    for path in WORKFLOWS:
        own = "checkout" if path.stem == "gpu" else "nothing"  # on that runner is the Python that has a GPU
        assert set(re.findall(r"uses: actions/(checkout|setup-python)", path.read_text("utf-8"))) <= {own}


def test_only_binder_names_a_package_index():
    others = [ROOT / name for name in ("Makefile", "requirements.txt", "pyproject.toml", ".ci/run")]
    for path in WORKFLOWS + others:
        assert not re.search(r"index-url\b|find-links\b", path.read_text(encoding="utf-8")), path
