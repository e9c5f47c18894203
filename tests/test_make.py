"""The Makefile refuses what would spoil what another make is doing, and says so before it works."""

import os
import shutil
import socket
import subprocess
import time

import pytest

from tools import ROOT

pytestmark = pytest.mark.skipif(os.name != "posix" or not shutil.which("make"), reason="there is no make here")


@pytest.fixture
def house(tmp_path):
    """A folder in which nothing needs to be installed, and `make copies` waits until a file `go` is there."""
    folder = tmp_path / "a house with ä"
    for name in ("requirements.txt", "requirements-no-deps.txt", "pyproject.toml", "book/page.ipynb", ".venv/.ready"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    makefile = (ROOT / "Makefile").read_text("utf-8")
    wait = "\ncopies: wait\nwait:\n\ttouch begun; until [ -e go ]; do sleep 0.1; done\n"
    (folder / "Makefile").write_text(makefile + wait)
    return folder


def make(folder, *arguments, **environment):
    outer = {"MAKEFLAGS": "", "MAKELEVEL": "0"}  # of `make test`, which may be running this
    return subprocess.Popen(["make", "--no-print-directory", *arguments], cwd=folder, text=True,
                            env=os.environ | outer | environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def begin(folder):
    """Start a make, and wait until it is at work."""
    process = make(folder, "copies")
    while not (folder / "begun").exists():
        assert process.poll() is None
        time.sleep(0.05)
    return process


def test_a_second_make_is_refused_while_the_first_is_at_work(house):
    first = begin(house)
    second = make(house, "book")
    assert "is at work in this folder" in second.communicate()[0]
    assert second.returncode != 0
    (house / "go").touch()
    first.communicate()
    assert first.returncode == 0
    assert (house / "_build/alone/page.ipynb").exists()


def test_a_make_that_was_killed_stops_nobody(house):
    first = begin(house)
    first.kill()
    first.wait()
    first.stdout.close()
    again = make(house, "copies")
    (house / "go").touch()  # for what the first one has left behind, too
    again.communicate()
    assert again.returncode == 0


def test_a_port_that_is_taken_is_said_before_the_site_is_built(house):
    with socket.create_server(("localhost", 0)) as server:
        port = server.getsockname()[1]
        process = make(house, "serve", f"PORT={port}")
        said = process.communicate()[0]
    assert process.returncode != 0
    assert f"port {port} is taken: make serve PORT={port + 1}" in said
    assert "building" not in said


def test_what_programs_keep_in_a_home_stays_here_where_the_home_cannot_be_written_to(house):
    with open(house / "Makefile", "a") as makefile:
        makefile.write("\nhome:\n\t@echo $$HOME\n")
    assert make(house, "home").communicate()[0].strip() == os.environ["HOME"]
    assert make(house, "home", HOME=str(house / "nowhere")).communicate()[0].strip() == f"{house}/_build/home"


@pytest.mark.parametrize(("left", "said"), [("60000", ""), ("7", "\n--- the disk is full: 7 kB are left\n")])
def test_a_failure_on_a_full_disk_ends_with_its_reason(house, left, said):
    """Whatever fails, and here there is no jupyter-book; `df` is played."""
    (house / "df").write_text(f"#!/bin/sh\necho disk 9 9 {left} 9% /\n")
    (house / "df").chmod(0o755)
    process = make(house, "book", PATH=f"{house}:{os.environ['PATH']}")
    printed = process.communicate()[0]
    assert process.returncode != 0
    assert ("--- the disk is full" in printed) == bool(said)
    assert said in printed
