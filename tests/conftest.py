"""What all tests share: how many problems are drawn, on which device, that float32 is exact there; and for
the site's tests the site itself and a browser."""

import os
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import torch
from hypothesis import HealthCheck, settings

import d2lconv
from d2lconv import corr, loops, tiling
from strategies import THOROUGH

ROOT = Path(__file__).parent.parent

# A reader's run draws the same few problems every time; CI looks for new ones, and says how to see them again.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
settings.register_profile("quick", patient, max_examples=100, derandomize=True)
settings.register_profile("ci", patient, max_examples=400, print_blob=True)
settings.register_profile("thorough", patient, max_examples=4000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "thorough" if THOROUGH else "quick"))

LONG = ["test_explorer", "test_site", "test_exercises", "test_grade", "test_feedback", "test_tf32", "test_slides",
        "test_seen", "test_pdf", "test_record"]


def pytest_collection_modifyitems(items):
    """Put the modules first that take long, so that no worker is left with one of them at the end."""
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


torch.set_num_threads(1)  # the problems are small, and pytest-xdist has a worker for each core


@pytest.fixture(scope="session")
def device():
    """Where the package computes; the oracles always compute on the CPU."""
    return d2lconv.default_device()


@pytest.fixture(scope="session", autouse=True)
def exact():
    """Without TF32, which the error bound does not know."""
    with d2lconv.exact_float32():
        yield


@pytest.fixture(params=[loops, corr], ids=["loops", "corr"])
def form(request):
    """One of the two modules that hold the four functions."""
    return request.param


@pytest.fixture(scope="module", params=[(tiling.TILE, tiling.PIXELS, tiling.UNTILED), (256, 1, 1), (1, 1, 1)],
                ids=["whole", "in tiles", "row by row"])
def tiles(request):
    """Work on the small problems of tests as on large ones, too: in tiles of so many numbers, and pixels."""
    with pytest.MonkeyPatch.context() as patch:
        for name, number in zip(("TILE", "PIXELS", "UNTILED"), request.param):
            patch.setattr(tiling, name, number)
        yield


@pytest.fixture
def small_tiles(monkeypatch):
    """Work in tiles of a row of one image each."""
    for name in ("TILE", "PIXELS", "UNTILED"):
        monkeypatch.setattr(tiling, name, 1)


@pytest.fixture(scope="session")
def site():
    """The built site's address. It is served as GitHub Pages does: below a path, with a 404 page of its own."""
    folder = ROOT / "_build/html"
    if not (folder / "index.html").exists():
        pytest.fail("there is no site in _build/html: run `make book` first")
    import yaml  # only here: the machine with a GPU may have none
    path = urlsplit(yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["html"]["baseurl"]).path

    class Pages(SimpleHTTPRequestHandler):
        def translate_path(self, url):
            return super().translate_path(url.removeprefix(path) if url.startswith(path) else "nowhere")

        def send_error(self, code, *_):
            page = (folder / "404.html").read_bytes()
            self.send_response(code)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def end_headers(self):
            self.send_header("Cache-Control", "no-store")  # every visit is a first visit
            super().end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Pages, directory=folder)) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}{path}"
        server.shutdown()


@pytest.fixture(scope="module")  # no longer than needed: while it runs, no other event loop can
def browser():
    """The Chromium that is installed here, or else the one that Playwright has downloaded."""
    sync_api = pytest.importorskip("playwright.sync_api")
    from tools.pdf import installed
    with sync_api.sync_playwright() as playwright:
        try:
            chromium = playwright.chromium.launch(executable_path=installed())
        except sync_api.Error as error:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"no browser here ({error.message.splitlines()[0]}): install Chromium, "
                        "or run `playwright install chromium`")
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def context(browser):
    """Give a context with such options, to all who ask for the same.

    A browser takes longer to make one than to use it, and so with the process of its pages, which the first keeps.
    """
    made = {}

    def with_options(**options):
        key = repr(sorted(options.items()))
        if key not in made:
            made[key] = browser.new_context(**options)
            made[key].new_page()
        return made[key]

    yield with_options
    for one in made.values():
        one.close()


@pytest.fixture
def new_page(context):
    """Open a new page, with such options, until the test ends. What a page stores, later ones find."""
    pages = []

    def open_page(viewport, **options):
        page = context(**options).new_page()
        pages.append(page)
        page.set_viewport_size(viewport)
        return page

    yield open_page
    for page in pages:
        page.close()
