"""The directive ``{verified}``: a table of the machines that have reproduced the book's outputs."""

import json

from docutils import nodes
from docutils.parsers.rst import Directive

from tools.notebooks import RECORD, fingerprint

LANES = {"cpu": "CPU", "repeats": "CPU, again and again", "cuda": "GPU (CUDA)"}
HEADER = ["lane", "machine", "torch", "date", "runs", "compared cells that agree", "state of the book"]


class Verified(Directive):
    """Show what tools/notebooks.py has written, and "not run" for a lane of which it has written nothing."""

    def run(self):
        self.state.document.settings.env.note_dependency(str(RECORD))
        record = json.loads(RECORD.read_text("utf-8")) if RECORD.exists() else {}
        now = fingerprint()
        rows = [HEADER, *([name, *row(record.get(lane), now)] for lane, name in LANES.items())]
        return [table(rows)]


def row(entry, now):
    """Write one record as the cells of a row."""
    if entry is None:
        return ["not run", *[""] * (len(HEADER) - 2)]  # the lane's name and this stand before
    versions = entry["torch"]
    if "cuda" in entry:
        versions += f", CUDA {entry['cuda']}, driver {entry['driver']}"
    agree = f"{entry['equal']:,} of {entry['compared']:,}"
    state = "this one" if entry["state"] == now else "an earlier one"
    return [entry["device"], versions, entry["date"], str(entry["runs"]), agree, state]


def table(rows):
    """Make a table of docutils from texts, the first row its header."""
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in rows[0]), cols=len(rows[0]))
    made = [nodes.row("", *(nodes.entry("", nodes.paragraph(text=text)) for text in texts)) for texts in rows]
    group += [nodes.thead("", made[0]), nodes.tbody("", *made[1:])]
    return nodes.table("", group)


def setup(app):
    app.add_directive("verified", Verified)
    return {"parallel_read_safe": True}
