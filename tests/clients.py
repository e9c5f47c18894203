"""The notebooks in the programs that readers use (make test-clients): nbconvert, jupytext, papermill, JupyterLab."""

import ast
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from tools import ROOT

PAGES = sorted((ROOT / "book").glob("*.ipynb"))
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


def run(*command, folder):
    result = subprocess.run([sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    return result.stderr


@every_page
def test_nbconvert_makes_a_page_in_which_every_picture_has_a_text(page, tmp_path):
    """By its classic template; the one called lab leaves out what a notebook says of its pictures."""
    said = run("nbconvert", "--to", "html", "--template", "classic", "--output-dir", tmp_path, page, folder=ROOT)
    assert "Alternative text is missing" not in said
    assert (tmp_path / f"{page.stem}.html").exists()


@every_page
def test_nbconvert_makes_a_program(page, tmp_path):
    run("nbconvert", "--to", "script", "--output-dir", tmp_path, page, folder=ROOT)
    ast.parse((tmp_path / f"{page.stem}.py").read_text("utf-8"))


@every_page
@pytest.mark.parametrize("form", ["py:percent", "md:myst"])
def test_jupytext_finds_the_same_notebook_again(page, form, tmp_path):
    run("jupytext", "--to", form, "--test", shutil.copy(page, tmp_path), folder=tmp_path)


@every_page
def test_papermill_runs_it(page, tmp_path):
    run("papermill", "--cwd", tmp_path, page, tmp_path / "done.ipynb", folder=ROOT)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab over copies of the notebooks, as (its address, their folder); nothing in it is trusted."""
    folder = tmp_path_factory.mktemp("lab")
    for page in PAGES:
        shutil.copy(page, folder)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    home = {name: str(folder / ".home") for name in ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR")}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--ServerApp.port={port}",
               "--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"]
    with open(folder / ".log", "w") as log, \
            subprocess.Popen(command, env=os.environ | home, stdout=log, stderr=subprocess.STDOUT) as server:
        address = f"http://127.0.0.1:{port}"
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{address}/api").close()
                break
            except OSError:
                time.sleep(0.5)
        yield address, folder, os.environ | home
        server.terminate()


@pytest.fixture
def tab(browser):
    with browser.new_context(viewport={"width": 1200, "height": 900}) as context:
        yield context.new_page()


def open_page(tab, lab, name):
    tab.goto(f"{lab[0]}/lab/workspaces/{name}-{time.time_ns()}/tree/{name}.ipynb")
    tab.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    return tab.locator(".jp-Notebook")


def scroll_to(tab, notebook, selector):
    """Cells far away are not drawn until somebody comes near."""
    box = tab.locator(".jp-WindowedPanel-outer").first
    for _ in range(100):
        if notebook.locator(selector).count():
            found = notebook.locator(selector).first
            found.scroll_into_view_if_needed()
            tab.wait_for_timeout(1000)  # meanwhile the cells above get their heights
            found.scroll_into_view_if_needed()
            return found
        box.evaluate("box => box.scrollBy(0, 600)")
        tab.wait_for_timeout(100)
    pytest.fail(f"no {selector} in the notebook")
    return None


def test_an_untrusted_notebook_shows_the_explorer_as_a_table(tab, lab):
    notebook = open_page(tab, lab, "input_channels")
    assert "56" in scroll_to(tab, notebook, ".d2lconv-explorer table").inner_text()
    assert not notebook.locator(".d2lconv-explorer :is(script, [role=gridcell])").count()


def test_an_untrusted_notebook_runs_and_its_reports_lead_to_what_to_read(tab, lab):
    notebook = open_page(tab, lab, "exercises")
    tab.get_by_role("menuitem", name="Run", exact=True).click()
    tab.get_by_text("Run All Cells", exact=True).click()
    tab.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]", state="attached", timeout=300_000)
    link = scroll_to(tab, notebook, ".d2lconv-report a[href]")
    assert link.evaluate("link => getComputedStyle(link).textDecorationLine") == "underline"
    assert not notebook.locator("[data-mime-type='application/vnd.jupyter.stderr']").count()


def test_a_trusted_notebook_runs_and_its_explorer_can_be_used(tab, lab):
    _, folder, environment = lab
    subprocess.run([sys.executable, "-m", "jupyter", "trust", folder / "input_channels.ipynb"], env=environment,
                   check=True, capture_output=True)
    notebook = open_page(tab, lab, "input_channels")
    explorer = scroll_to(tab, notebook, ".d2lconv-explorer [role=gridcell]")
    explorer.click()
    assert "= 56" in notebook.locator(".d2lconv-explorer .lines").first.inner_text()
    assert scroll_to(tab, notebook, ".d2lconv-question input").is_enabled()
