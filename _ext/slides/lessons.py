"""The lessons of the page `teach`: from one list, lessons.yml, both the plan, minute by minute, and the deck.

A card shows cells, pictures and explorers of the finished chapters, and votes on questions of the bank.
"""

import copy
import re
from html import escape
from pathlib import Path

import yaml
from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.errors import ExtensionError

from d2lconv import ask
from d2lconv.exercises.question_page import choices, marked

SOURCE = Path(__file__).parent / "lessons.yml"
LINK = re.compile(r"\[(.*?)\]\(.*?\)")
HEADER = ["minutes", "what", "ask", "slides"]


def lessons():
    return {name: lesson for name, lesson in yaml.safe_load(SOURCE.read_text("utf-8")).items() if name != "first"}


def parts(lesson):
    """List a lesson's parts; a part that both lessons share is a list of its own."""
    for part in lesson["parts"]:
        yield from part if isinstance(part, list) else [part]


class Plan(Directive):
    """A table: what happens in which minutes, what to ask, and the slides of it."""

    required_arguments = 1

    def run(self):
        name, number, rows = self.arguments[0], 1, [HEADER, ["---"] * len(HEADER)]
        lesson = lessons()[name]
        self.state.document.settings.env.note_dependency(str(SOURCE))
        for part in parts(lesson):
            link = f'<a href="slides/{name}.html#/{number}">from slide {number + 1}</a>'
            rows.append([part["minutes"], part["what"], part["ask"], link])
            number += len(part["cards"])
        holder = nodes.container()
        lines = [f"| {' | '.join(row)} |" for row in rows]
        lines += ["", f"At home: {lesson['parts'][-1]['cards'][-1]['home']}"]
        self.state.nested_parse(StringList(lines, str(SOURCE)), 0, holder)
        return holder.children


def deck(lesson, pages):
    """Make the sections of a lesson's deck out of the chapters' pages."""
    rows = [(part["minutes"], without_links(part["what"])) for part in parts(lesson)]
    agenda = "".join(f"<li>{minutes}: {what}</li>" for minutes, what in rows)
    first = (f'<section><h1>{lesson["title"]}</h1><p>{lesson["about"]}</p><p>To vote, hold up as many fingers as your '
             "answer says, close to your chest, all at once. When you are asked to, explain your answer to your "
             f'neighbour, and vote again.</p><ul class="agenda">{agenda}</ul></section>')
    return "\n".join([first, *(card(one, part["minutes"], pages) for part in parts(lesson) for one in part["cards"])])


def without_links(text):
    return LINK.sub(r"\1", text)


def card(content, minutes, pages):
    blocks = [f'<h2>{content["title"]} <small class="when">minutes {minutes}</small></h2>']
    if "text" in content:
        blocks.append(f'<p>{content["text"]}</p>')
    notes = [content["notes"]] if "notes" in content else []
    for name, numbers in content.get("ask", {}).items():
        block, right = vote(ask(name, hide_next=False, **numbers), content.get("silent"))
        blocks.append(block)
        notes.append(f"The answer is number {right}.")
    for cell in content.get("cells", []):
        (page, code), = cell.items()
        blocks.append(str(find(pages, page, code)))
    if "explorer" in content:
        blocks.append(f'<div class="cell">{find(pages, content["explorer"], None)}</div>')
    if "points" in content:
        blocks.append(f'<ul class="points">{"".join(f"<li>{point}</li>" for point in content["points"])}</ul>')
    if "home" in content:
        blocks.append(f'<p>At home: {without_links(content["home"])}</p>')
    if notes:
        blocks.append(f'<aside class="notes"><p>{" ".join(notes)}</p></aside>')
    return f"<section>{''.join(blocks)}</section>"


def find(pages, page, code):
    """Find a cell by its code or a piece of it, or a page's first explorer; of a picture, leave out the code."""
    cells = pages[page].select(".cell" if code else ".d2lconv-explorer") if page in pages else []
    sources = [(cell.select_one(".cell_input") or cell).get_text().strip() for cell in cells]
    places = [n for n, source in enumerate(sources) if source == code]
    places += [n for n, source in enumerate(sources) if not code or code in source]
    if places:
        cell = copy.copy(cells[places[0]])
        if cell.select_one(".cell_output img"):
            cell.select_one(".cell_input").decompose()
            cell["class"].append("picture")
        return cell
    raise ExtensionError(f"lessons.yml: there is no {code or 'explorer'!r} on the page {page!r}.")


def vote(question, silent):
    """Show a question and its options, and return the number of the right one, too.

    Unless the vote is silent, the next key uncovers the answer and the beliefs.
    """
    answers, beliefs = zip(*choices(question))
    right = beliefs.index(None) + 1
    listed = "".join(f"<li>{marked(answer)}</li>" for answer in answers)
    said = "".join(f"<li>{n}: {marked(belief.name)}</li>" for n, belief in enumerate(beliefs, 1) if belief)
    grid = f"<pre>{escape(question.grid)}</pre>" if question.grid else ""
    uncovered = (f'<div class="fragment"><p><strong>{right}.</strong> {marked(question.why)}</p>'
                 f"<ul>{said}</ul></div>")
    block = f'<p>{marked(question.text)}</p>{grid}<ol>{listed}</ol>{"" if silent else uncovered}'
    return f'<div class="vote">{block}</div>', right
