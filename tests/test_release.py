"""A release has one version, in pyproject.toml, and the changelog says what is in it."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
HEADINGS = re.findall(r"^## \[([^]]+)\](?: - (\S+))?$", CHANGELOG, re.MULTILINE)
# not tomllib: Python 3.10 has none
VERSION = re.search(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)[1]


def test_the_version_is_a_semantic_one():
    assert re.fullmatch(r"\d+\.\d+\.\d+", VERSION)


def test_the_changelog_begins_with_what_is_unreleased_and_this_version():
    assert [heading for heading, _ in HEADINGS][:2] == ["Unreleased", VERSION]


def test_versions_and_dates_go_down():
    versions = [tuple(map(int, heading.split("."))) for heading, _ in HEADINGS[1:]]
    dates = [date for _, date in HEADINGS[1:]]
    assert versions == sorted(versions, reverse=True)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", date) for date in dates)
    assert dates == sorted(dates, reverse=True)
