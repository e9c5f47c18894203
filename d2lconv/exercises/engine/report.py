"""What a checker answers: a report that is true or false, and whose repr is the feedback."""

import dataclasses
import html
import re
import textwrap

LEADS = {"right": "✓ ", "wrong": "✗ ", "todo": "… ", "note": "· Note: ", "name": "→ This looks like: "}
BARS = {True: "#3a9a57", False: "#c77700"}  # beside text that has the page's own colour, light or dark
INDENT = "padding-left: 1.4em"
PLAIN = (  # inline, since other style sheets (nbconvert's, JupyterLab's) beat any class
    f"background: none; color: inherit; border: 0; margin: 0; {INDENT}; "
    "font-family: ui-monospace, monospace; white-space: pre; overflow-x: auto"
)
LINK = "color: inherit; display: inline; text-decoration: underline"
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
        anchor = re.sub(r"^[-0-9]+|-+$", "", anchor)
        return f"{BOOK}{self.page}.html#{anchor}"


@dataclasses.dataclass(frozen=True)
class Misconception:
    """A wrong belief: what it is called, what to think of instead, where to read on."""

    name: str
    hint: str
    read: Section


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that a checker found: ``kind`` is right, wrong, todo, note or name (of a misconception)."""

    kind: str
    text: str
    numbers: str = ""
    hint: str = ""
    read: Section | None = None

    def __str__(self):
        lines = [LEADS[self.kind] + self.text]
        lines += [f"    {row}".rstrip() for row in self.numbers.splitlines()]
        for hint in self.hint.splitlines():
            lines += textwrap.wrap(hint, 102, initial_indent="  ", subsequent_indent="  ")
        if self.read:
            lines += [f'  Read "{self.read.heading}"', f"  {self.read.url}"]
        return "\n".join(lines)

    def _repr_html_(self):
        text, hint = html.escape(self.text), html.escape(self.hint).replace("\n", "<br>")
        if self.kind == "name":
            text = f"<strong>{text}</strong>"
        parts = [f'<div style="margin: 0.3em 0">{LEADS[self.kind]}{text}</div>']
        if self.numbers:
            parts.append(f'<pre style="{PLAIN}">{html.escape(self.numbers)}</pre>')
        if self.hint:
            parts.append(f'<div style="{INDENT}">{hint}</div>')
        if self.read:
            link = f'<a href="{self.read.url}" style="{LINK}">{html.escape(self.read.heading)}</a>'
            parts.append(f'<div style="{INDENT}">Read {link}</div>')
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
        style = f"border-left: 0.25em solid {BARS[self.passed]}; padding-left: 0.8em"
        return f'<div class="d2lconv-report" style="{style}">{inside}</div>'

    @property
    def misconceptions(self) -> tuple[str, ...]:
        """The names of the misconceptions that were recognised, of which there may be none, one or two."""
        return tuple(finding.text for finding in self.findings if finding.kind == "name")

    @property
    def misconception(self) -> str | None:
        """The names in one string, or None."""
        return " and ".join(self.misconceptions) or None
