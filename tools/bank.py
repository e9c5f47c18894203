"""Write the questions for a learning platform: python -m tools.bank FOLDER

Fifty questions, three times with other numbers (a, b, c), as GIFT for Moodle and as QTI for Canvas and others.
Each wrong answer is what a known belief gives, and its feedback names that belief.
"""

import itertools
import re
import sys
from pathlib import Path

from text2qti.config import Config
from text2qti.qti import QTI
from text2qti.quiz import Quiz

from d2lconv.exercises.question_bank import TEMPLATES
from d2lconv.exercises.question_page import choices, marked
from d2lconv.exercises.questions import variants

SIZE, VARIANTS = 50, "abc"  # questions in a variant, and their names
SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!<>])")


def bank():
    """Three variants of the same fifty questions; none has the book's own numbers."""
    n = len(VARIANTS)
    first = [list(itertools.islice(variants(name), 2 * n)) for name in TEMPLATES]
    again = [questions[n:] for questions in first if len(questions) == 2 * n]
    columns = zip(*[questions[:n] for questions in [*first, *again][:SIZE]])
    return {variant: list(questions) for variant, questions in zip(VARIANTS, columns)}


def answers(question):
    """The answers to choose from, each with what is said about it, and whether it is right."""
    return [(answer, f"{belief.name}. {belief.hint}" if belief else f"Right. {question.why}", belief is None)
            for answer, belief in choices(question)]


# GIFT, https://docs.moodle.org/en/GIFT_format: HTML in which six signs are escaped

def gift(questions, title):
    """Write questions for Moodle, in a category of their own."""
    return "\n\n".join([f"$CATEGORY: $course$/{title}",
                        *itertools.starmap(gift_question, enumerate(questions, 1))]) + "\n"


def gift_question(number, question):
    grid = f"<pre>{question.grid}</pre>".replace("\n", "<br>") if question.grid else ""
    lines = [f"{'=' if right else '~'}{signs(marked(text))}#{signs(marked(said))}"
             for text, said, right in answers(question)]
    asked = signs(f"<p>{marked(question.text)}</p>{grid}")
    return "\n".join([f"::{number:02} {question.name}::[html]{asked}{{", *lines, "}"])


def signs(text):
    return re.sub(r"([\\~=#{}:])", r"\\\1", text)


# QTI, written by text2qti from its own Markdown

def qti(questions, title):
    """Write questions for Canvas; returns the package."""
    text = "\n\n".join([f"Quiz title: {title}", *itertools.starmap(qti_question, enumerate(questions, 1))])
    return QTI(Quiz(text, config=Config(), source_name=title))


def qti_question(number, question):
    grid = [f"        {line}" for line in question.grid.splitlines()]
    lines = [f"Title: {number:02} {question.name}", f"{number}.  {markdown(question.text)}"]
    lines += ["", *grid] if grid else []
    for letter, (text, said, right) in zip("abcde", answers(question)):
        lines += [f"{'*' if right else ''}{letter}) {markdown(text)}", f"... {markdown(said)}"]
    return "\n".join(lines)


def markdown(text):
    """Leave code as it is, and escape the rest."""
    parts = text.split("`")
    parts[::2] = [SPECIAL.sub(r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for variant, questions in bank().items():
        title = f"Convolution, channel by channel: variant {variant}"
        (folder / f"channels-{variant}.gift").write_text(gift(questions, title), "utf-8")
        with open(folder / f"channels-{variant}.zip", "wb") as file:
            qti(questions, title).write(file)
