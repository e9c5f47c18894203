"""How questions are put into a page: HTML that works alone, with a script and without one."""

import itertools
import json
from functools import cache
from html import escape
from pathlib import Path
from string import Template

from d2lconv.exercises.engine.report import Misconception


def ask_page(question):
    """Write a page that asks one question."""
    return page("question", folded(question), packed({**pool([question]), "fold": question.hide_next}))


def practice_page(questions):
    """Write a page that asks one question after the other; without scripts, it shows one of each name."""
    first = {question.name: question for question in reversed(questions)}
    fallback = "\n".join(map(folded, reversed(first.values())))
    return page("practice", fallback, f"{packed(pool(questions))},\n{asset('question.js')}")


def page(kind, fallback, data):
    """Write a page: its style, what is shown without scripts, and the script with its data."""
    return Template(asset("page.html")).substitute(
        kind=kind, style=asset("question.css"), fallback=fallback, script=asset(f"{kind}.js"), data=data)


@cache
def asset(name):
    """Read one of the files beside this one."""
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


# Answers and beliefs

def by_belief(question):
    """List the answers to which each belief leads."""
    answers: dict[Misconception, list[str]] = {}
    for answer, belief in question.wrong.items():
        answers.setdefault(belief, []).append(answer)
    return answers


def choices(question):
    """List the right answer, with None, and the first wrong one of each belief, with it, but of four beliefs at most.

    Their order gives nothing away: that of the options, or of the numbers.
    """
    wrong = [(answers[0], belief) for belief, answers in by_belief(question).items()]
    order = question.options.index if question.options else in_numbers
    return sorted([(question.answer, None), *wrong[:4]], key=lambda choice: order(choice[0]))


def in_numbers(answer):
    """Return the numbers of an answer that is typed."""
    return [float(number) for number in answer.split(", ")]


# What is shown where no script runs

def folded(question):
    """Write a question whose answer is folded, and opens without a script."""
    parts = [f"<p>{marked(question.text)}</p>"]
    if question.grid:
        parts.append(f"<pre>{question.grid}</pre>")
    if question.options:
        parts.append(listed(question.options))
    wrong = []
    for belief, answers in by_belief(question).items():
        several = " or ".join(answer.rstrip(".") for answer in answers)
        wrong.append(f"{several}: {belief.name}. {belief.hint}")
    parts.append(
        "<details><summary>Answer</summary>"
        f"<p><strong>{marked(question.answer.rstrip('.'))}</strong>. {marked(question.why)}</p>"
        f"<p>Wrong answers, and the beliefs that lead there:</p>{listed(wrong)}</details>")
    return "\n".join(parts)


def listed(texts):
    """Write a list of texts in which backticks mark code."""
    items = [f"<li>{marked(text)}</li>" for text in texts]
    return f"<ul>{''.join(items)}</ul>"


def marked(text):
    """Write a text in which backticks mark code.

    >>> marked("is `c_i` < 2?")
    'is <code>c_i</code> &lt; 2?'
    """
    parts = escape(text, quote=False).split("`")
    parts[1::2] = [f"<code>{part}</code>" for part in parts[1::2]]
    return "".join(parts)


# What the script is given

def packed(data):
    """Write JSON that can stand inside of a script."""
    return json.dumps(data, separators=(",", ":")).replace("</", "<\\/")


def pool(questions):
    """Gather what the script needs: each text once, each case's values, and the beliefs by their place in a list."""
    beliefs = list(dict.fromkeys(belief for question in questions for belief in question.wrong.values()))
    groups = itertools.groupby(questions, lambda question: question.template)
    return {
        "beliefs": [[belief.name, belief.hint, belief.read.heading, belief.read.url] for belief in beliefs],
        "questions": [about(template, [*cases], beliefs) for template, cases in groups],
    }


def about(template, questions, beliefs):
    """Describe one template, and its cases: the values that fill its gaps, the answer, and what leads to wrong ones."""
    gaps = "".join([template.text, template.why, "{grid}", *template.options])
    names = [name for name in questions[0].values if f"{{{name}}}" in gaps]
    cases = []
    for question in questions:
        wrong = {key(question, answer): beliefs.index(belief) for answer, belief in question.wrong.items()}
        cases.append([[question.values[name] for name in names], key(question, question.answer), wrong])
    return {
        "topic": template.topic,
        "text": template.text,
        "why": template.why,
        "options": list(template.options),
        "names": names,
        "cases": cases,
    }


def key(question, answer):
    """Return what the script knows an answer by: an option by its place, any other by itself."""
    return str(question.options.index(answer)) if question.options else answer
