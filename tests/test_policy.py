"""What a server's Content-Security-Policy leaves of the site, as the page for teachers says."""

import re

import pytest

from tools import ROOT

TEACH = (ROOT / "book/teach.md").read_text("utf-8")
STRICT, ENOUGH = re.findall(r"`(default-src [^`]*)`", TEACH)


@pytest.fixture
def visit(browser, site):
    """Open a page under a policy, and return it with what the browser complained of."""
    with browser.new_context() as context:
        def open_page(name, policy):
            def answer(route):
                response = route.fetch()
                route.fulfill(response=response, headers=response.headers | {"content-security-policy": policy})

            page, complaints = context.new_page(), []
            page.on("console", lambda message: complaints.append(message.text))
            page.route("**/*", answer)
            page.goto(site + name)
            return page, complaints

        yield open_page
        for page in context.pages:  # a request that is still answered would fail when its page is closed
            page.unroute_all(behavior="wait")


def test_under_a_strict_policy_all_can_be_read_and_nothing_be_used(visit):
    page, complaints = visit("index.html", STRICT)
    assert "56" in page.locator(".d2lconv-explorer .fallback").first.inner_text()
    assert page.locator("article math").first.is_visible()
    assert any("inline script" in text for text in complaints)
    page, _ = visit("input_channels.html", STRICT)
    assert page.locator(".d2lconv-question .fallback summary").first.is_visible()
    assert page.locator("article img").first.evaluate("image => image.naturalWidth > 0")


def test_the_policy_that_teachers_are_told_is_enough(visit):
    page, complaints = visit("index.html", ENOUGH)
    page.locator(".d2lconv-explorer [role=gridcell]").first.click()
    assert page.locator(".d2lconv-explorer .lines").first.inner_text()
    page, more = visit("search.html?q=channel", ENOUGH)
    page.wait_for_selector("#search-results li")
    assert not [text for text in complaints + more if "Policy" in text]
