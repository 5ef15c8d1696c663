"""A hosted server: each browser is an owner of its own."""

import re

from playwright.sync_api import expect

ENVIRONMENT = {"FMEXPLORE_HOSTED": "1"}


def owner_cookie(opened) -> str:
    (cookie,) = (one for one in opened.page.context.cookies() if one["name"] == "fmexplore_owner")
    assert cookie["sameSite"] == "Strict"
    return cookie["value"]


def listed(opened) -> list[str]:
    """What the run picker offers."""
    picker = opened.page.get_by_test_id("stSidebar").get_by_role("combobox", name="Run")
    picker.click()
    options = opened.page.get_by_role("option")
    expect(options.first).to_be_visible()
    texts = options.all_inner_texts()
    opened.page.keyboard.press("Escape")
    return texts


def test_two_browsers_are_two_owners_and_do_not_see_each_others_runs(tab, server):
    ann, bob = tab().open(), tab().open("/")
    for opened in (ann, bob):
        expect(opened.page.get_by_test_id("stAlert")).to_have_count(0)
    # Its name learns the time once the speed of the machine is known.
    expect(bob.main.get_by_role("button", name=re.compile("^Train one now"))).to_be_enabled()
    run = ann.start(9)
    ann.state("running")
    assert owner_cookie(ann) != owner_cookie(bob)
    assert owner_cookie(ann) not in run.status.model_dump_json()

    bob.open("/")
    assert [text for text in listed(bob) if run.title in text] == []
    bob.open(f"/train?run={run.id}").state("running")
    expect(bob.button("Stop training")).to_have_count(0)
    expect(bob.button("Use as a new configuration").first).to_be_visible()

    ann.open("/")  # the cookie makes the same owner again
    assert any(run.title in text for text in listed(ann))
    ann.open(f"/train?run={run.id}").press("Stop training").state("stopped")
    bob.state("stopped")
    expect(bob.page).to_have_url(re.compile(run.id))
