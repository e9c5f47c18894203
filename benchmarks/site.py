"""How light is the site? The same chapters as a stock Jupyter Book and as ours, side by side.

    make bench-site

Both are built, served compressed, and opened in turn in Chromium as a slow phone would see them: 1.6 Mbit/s,
150 ms away, a processor four times slower. The paints depend on this machine; their ratio hardly does.
"""

import gzip
import json
import shutil
import subprocess
import sys
import tempfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median

import yaml
from playwright.sync_api import sync_playwright

from tools import ROOT
from tools.pdf import installed

RUNS = 3
UNITS = {"bytes": "KB gzip", "requests": "requests", "first": "first paint, s", "largest": "largest paint, s",
         "loaded": "all there, s", "shift": "layout shift"}
OBSERVE = """
    window.seen = {first: 0, largest: 0, shift: 0};
    const observe = (type, note) => new PerformanceObserver(list => list.getEntries().forEach(note))
        .observe({type, buffered: true});
    observe("paint", paint => { if (paint.name === "first-contentful-paint") seen.first = paint.startTime / 1000 });
    observe("largest-contentful-paint", paint => { seen.largest = paint.startTime / 1000 });
    observe("layout-shift", shift => { seen.shift += shift.value });
"""


def stock(config):
    """The configuration of a stock book: of our extensions only the two directives, and MathJax from here."""
    settings = config["sphinx"]["config"]
    ours = {f"_ext.{name}" for name in ("mathml", "theme_fixes", "light_page", "slides")}
    config["sphinx"]["extra_extensions"] = [
        name for name in settings.pop("extensions") if name not in ours] + ["sphinx-mathjax-offline"]
    del settings["html_math_renderer"], settings["html_theme_options"], settings["html_context"]
    return config


def build(folder, config):
    shutil.copytree(ROOT / "book", folder / "book")
    (folder / "_config.yml").write_text(yaml.safe_dump(config), "utf-8")
    subprocess.run([Path(sys.executable).parent / "jupyter-book", "build", folder / "book", "--path-output", folder,
                    "--config", folder / "_config.yml", "--toc", ROOT / "_toc.yml", "--quiet"],
                   check=True, stdout=subprocess.DEVNULL)
    return folder / "_build/html"


class Compressed(SimpleHTTPRequestHandler):
    def do_GET(self):
        file = Path(self.translate_path(self.path))
        if not file.is_file():
            return self.send_error(404)
        data = file.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(file))
        if file.suffix in (".html", ".css", ".js", ".svg"):
            self.send_header("Content-Encoding", "gzip")
            data = gzip.compress(data)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def measure(browser, address):
    sizes = []
    with browser.new_context(viewport={"width": 412, "height": 823}, device_scale_factor=1.75) as context:
        page = context.new_page()
        devtools = context.new_cdp_session(page)
        devtools.send("Network.enable")
        devtools.on("Network.loadingFinished", lambda done: sizes.append(done["encodedDataLength"]))
        devtools.send("Network.emulateNetworkConditions", {
            "offline": False, "latency": 150, "downloadThroughput": 200_000, "uploadThroughput": 94_000})
        devtools.send("Emulation.setCPUThrottlingRate", {"rate": 4})
        page.add_init_script(OBSERVE)
        page.goto(address, wait_until="networkidle", timeout=120_000)
        page.wait_for_function("performance.getEntriesByType('navigation')[0].loadEventEnd")
        loaded = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") / 1000
        return {"bytes": sum(sizes) / 1000, "requests": len(sizes), "loaded": loaded, **page.evaluate("seen")}


def compare(sites, pages):
    """Stock and ours in turn, so that whatever else this machine does falls on both."""
    results = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=installed())
        for page in pages:
            runs = [{name: measure(browser, f"{address}{page}.html") for name, address in sites.items()}
                    for _ in range(RUNS)]
            results[page] = {name: {what: median(run[name][what] for run in runs) for what in UNITS}
                             for name in sites}
        browser.close()
    return results


def main(pages):
    config = (ROOT / "_config.yml").read_text("utf-8")
    with tempfile.TemporaryDirectory() as temporary:
        sites, servers = {}, []
        for name, settings in (("stock", stock(yaml.safe_load(config))), ("ours", yaml.safe_load(config))):
            folder = Path(temporary, name)
            settings["sphinx"]["local_extensions"] = {"_ext.explore": str(ROOT)}
            html = build(folder, settings)
            servers.append(ThreadingHTTPServer(("127.0.0.1", 0), partial(Compressed, directory=html)))
            threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
            sites[name] = f"http://127.0.0.1:{servers[-1].server_port}/"
        results = compare(sites, pages)
        for server in servers:
            server.shutdown()
            server.server_close()

    print(f"{'page':20}{'':20}{'stock':>10}{'ours':>10}{'ours/stock':>12}")
    for page, found in results.items():
        for what, unit in UNITS.items():
            before, after = found["stock"][what], found["ours"][what]
            ratio = f"{after / before:12.2f}" if before else f"{'-':>12}"
            print(f"{page:20}{unit:20}{before:10.2f}{after:10.2f}{ratio}")
    saved = ROOT / "_build/site.json"
    saved.parent.mkdir(exist_ok=True)
    saved.write_text(json.dumps(results, indent=1), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:] or ["index", "input_channels", "notation"])
