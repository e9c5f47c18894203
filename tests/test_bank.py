"""The questions for learning platforms, read again by a parser of Moodle's format and by one of XML."""

import io
import re
import warnings
import zipfile
from html import unescape
from xml.etree import ElementTree

import pytest

from tools import bank as tool

VARIANTS = "abc"


@pytest.fixture(scope="module")
def bank():
    return tool.bank()


def plain(html):
    """The text that a reader sees."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", html))).strip()


def same(one, other):
    """Compare texts without the spaces and quotation marks, which the formats set in ways of their own."""
    return re.sub(r"\W", "", one) == re.sub(r"\W", "", other) and \
        re.findall("[-+*/]", one) == re.findall("[-+*/]", other)


def from_gift(text):
    """For each question its text, and for each answer its fraction, its text and its feedback."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the parser is older than Python's newest warnings
        import pygiftparser.parser as gift
    said = [(q.text, [(a.fraction, a.answer, a.feedback) for a in q.answers.answers])
            for q in gift.parseFile(io.StringIO(text))]
    return [(plain(clear(text)), [(part > 0, plain(clear(answer)), plain(clear(told))) for part, answer, told in found])
            for text, found in said]


def clear(text):
    return re.sub(r"\\([\\~=#{}:])", r"\1", text)


def from_qti(package):
    """The same, from Canvas's format."""
    file = io.BytesIO()
    package.write(file)
    with zipfile.ZipFile(file) as archive:
        name = max(archive.namelist(), key=lambda name: archive.getinfo(name).file_size)
        tree = ElementTree.fromstring(archive.read(name))
    space = {"q": tree.tag[1:].partition("}")[0]}
    return [read_item(item, space) for item in tree.iterfind(".//q:item", space)]


def read_item(item, space):
    right = item.find(".//q:respcondition[@continue='No']//q:varequal", space).text
    told = {part.get("ident"): plain(part.find(".//q:mattext", space).text)
            for part in item.iterfind("q:itemfeedback", space)}
    answers = [(label.get("ident") == right, plain(label.find(".//q:mattext", space).text),
                told[f"{label.get('ident')}_fb"]) for label in item.iterfind(".//q:response_label", space)]
    return plain(item.find("q:presentation/q:material/q:mattext", space).text), answers


READ = {"gift": lambda questions: from_gift(tool.gift(questions, "a variant")),
        "qti": lambda questions: from_qti(tool.qti(questions, "a variant"))}


def test_there_are_fifty_questions_in_three_variants_and_none_twice(bank):
    assert {variant: len(questions) for variant, questions in bank.items()} == dict.fromkeys(VARIANTS, 50)
    everything = [repr(question) for questions in bank.values() for question in questions]
    assert len(set(everything)) == 150
    assert len({tuple(q.name for q in questions) for questions in bank.values()}) == 1


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("form", READ)
def test_a_parser_finds_every_question_again(bank, form, variant):
    found = READ[form](bank[variant])
    assert len(found) == 50
    for (text, answers), question in zip(found, bank[variant]):
        assert same(text, question.text + question.grid)
        right, = (answer for is_right, answer, _ in answers if is_right)
        assert same(right, question.answer)
        for is_right, answer, told in answers:
            belief = next((belief for wrong, belief in question.wrong.items() if same(wrong, answer)), None)
            assert same(told, f"Right. {question.why}" if is_right else f"{belief.name}. {belief.hint}")


def test_moodle_puts_a_variant_into_a_category_of_its_own(bank):
    assert tool.gift(bank["a"], "variant a").startswith("$CATEGORY: $course$/variant a\n\n::01 ")


def test_no_belief_is_offered_twice_and_the_right_answer_has_no_place_of_its_own(bank):
    places = set()
    for question in bank["a"]:
        answers = tool.answers(question)
        assert len({told for _, told, _ in answers}) == len(answers) >= 2
        places.add([right for _, _, right in answers].index(True))
    assert places >= {0, 1, 2}
