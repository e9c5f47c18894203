"""What a checker answers: a report that is true or false, and whose repr is the feedback."""

import dataclasses
import html
import re
import textwrap

MARKS = {"right": "✓", "wrong": "✗", "todo": "…", "note": "·", "name": "→"}
LEADS = {"name": "This looks like: ", "note": "Note: "}
BARS = {True: "#3a9a57", False: "#c77700"}  # beside text that has the page's own colour, light or dark
PLAIN = "background: none; color: inherit; border: 0; margin: 0; padding: 0.2em 0 0.2em 1.4em; overflow-x: auto"
BOOK = "https://your_name.github.io/d2lconv/"  # `make address` writes it; in Colab and JupyterLab no page is near


@dataclasses.dataclass(frozen=True)
class Section:
    """A section of the book, by its page and its heading.

    >>> Section("groups", "What do groups lose?").url.removeprefix(BOOK)
    'groups.html#what-do-groups-lose'
    """

    page: str
    heading: str

    @property
    def url(self):
        """The section's address in the built site, whose anchors docutils makes from the headings."""
        anchor = re.sub(r"[^a-z0-9]+", "-", self.heading.lower())
        return f"{BOOK}{self.page}.html#{re.sub(r'^[-0-9]+|-+$', '', anchor)}"


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that a checker found: ``kind`` is right, wrong, todo, note or name (of a misconception)."""

    kind: str
    text: str
    numbers: str = ""
    hint: str = ""
    read: Section | None = None

    def __str__(self):
        lines = [f"{MARKS[self.kind]} {LEADS.get(self.kind, '')}{self.text}"]
        lines += [f"    {line}".rstrip() for line in self.numbers.splitlines()]
        lines += [f"  {line}" for hint in self.hint.splitlines() for line in textwrap.wrap(hint, 100)]
        lines += [f'  Read "{self.read.heading}"', f"  {self.read.url}"] if self.read else []
        return "\n".join(lines)

    def _repr_html_(self):
        text = html.escape(self.text)
        text = f"<strong>{text}</strong>" if self.kind == "name" else text
        parts = [f'<div style="margin: 0.3em 0">{MARKS[self.kind]} {LEADS.get(self.kind, "")}{text}</div>']
        if self.numbers:
            parts.append(f'<pre style="{PLAIN}">{html.escape(self.numbers)}</pre>')
        if self.hint:
            parts.append(f'<div style="padding-left: 1.4em">{html.escape(self.hint).replace(chr(10), "<br>")}</div>')
        if self.read:
            parts.append(f'<div style="padding-left: 1.4em">Read '
                         f'<a href="{self.read.url}" style="color: inherit">{html.escape(self.read.heading)}</a></div>')
        return "".join(parts)


@dataclasses.dataclass(frozen=True)
class Report:
    """The answer of a checker: true if the function passed, and readable feedback in both cases.

    >>> Report(True, (Finding("right", "Right: every shape, any numbers."),))
    ✓ Right: every shape, any numbers.
    """

    passed: bool
    findings: tuple[Finding, ...]

    def __bool__(self) -> bool:
        return self.passed

    def __repr__(self):
        return "\n".join(map(str, self.findings))

    def _repr_html_(self):
        inside = "".join(finding._repr_html_() for finding in self.findings)
        return (f'<div class="d2lconv-report" style="border-left: 0.25em solid {BARS[self.passed]}; '
                f'padding-left: 0.8em">{inside}</div>')

    @property
    def misconception(self) -> str | None:
        """The name of the misconception that was recognised, or None."""
        return next((finding.text for finding in self.findings if finding.kind == "name"), None)
