"""What must stand twice, for systems without make and for Binder, says the same in both places."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def commands_without_make():
    """The lines of check.yml's job `systems`, but for the tests that need the built site."""
    job = re.search(r"\n  systems:.*?\n  (?=\w)", read(".github/workflows/check.yml"), re.DOTALL)[0]
    return [re.sub(r" --ignore=\S+", "", line) for line in re.findall(r"python -m .*", job)]


def test_there_are_commands_to_compare():
    assert len(commands_without_make()) == 4


@pytest.mark.parametrize("command", commands_without_make())
def test_a_system_without_make_runs_what_make_runs(command):
    makefile = re.sub(r"\s*\\\n\s*", " ", read("Makefile"))
    options = re.search(r"^NBVAL *:= (.*)", makefile, re.MULTILINE)[1].strip()
    assert f"\t{command}\n" in makefile.replace("$(BIN)/", "").replace("$(NBVAL)", options)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_calls_targets_that_exist(path):
    targets = set(re.findall(r"^([\w-]+):", read("Makefile"), re.MULTILINE))
    assert set(re.findall(r"run: make ([\w-]+)", path.read_text(encoding="utf-8"))) <= targets


def test_binder_installs_a_part_of_what_made_the_book():
    binder, book = ({line.split("#")[0].strip() for line in read(name).splitlines()} - {""}
                    for name in ("binder/requirements.txt", "requirements.txt"))
    assert [line.split()[0] for line in binder - book] == ["--extra-index-url"]


@pytest.mark.parametrize("name", [
    "Makefile", ".github/workflows/check.yml", ".github/workflows/gpu.yml", "binder/postBuild", "book/face.ipynb"])
def test_the_detectors_weights_come_in_one_version_and_alone(name):
    version, = re.findall(r"facenet-pytorch==(\S+),", read("requirements.txt"))
    lines = [line for line in read(name).splitlines() if "pip install" in line and "facenet-pytorch" in line]
    assert lines
    assert all("--no-deps" in line and f"facenet-pytorch=={version}" in line for line in lines)


def test_only_binder_names_a_package_index():
    others = [ROOT / name for name in ("Makefile", "requirements.txt", "pyproject.toml", ".ci/run")]
    for path in WORKFLOWS + others:
        assert not re.search(r"index-url\b|find-links\b", path.read_text(encoding="utf-8")), path
