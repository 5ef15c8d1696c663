"""A training as people live it: started, watched, paused, stopped, deleted, and survived by a killed server."""

import re

import pytest
from playwright.sync_api import expect

ENVIRONMENT: dict[str, str] = {}  # a server of its own: it is asked while it is cold, and killed
LONG = 40  # epochs; longer than any test
LEARNT = re.compile(r"of the validation images are right after")

# Looks every 50 ms whether the chart is the same canvas, in the page, and has something on it.
WATCH = """async ({seconds}) => {
  const find = () => document.querySelector('[class*="st-key-curves_"] canvas');
  const first = find(), seen = {samples: 0, replaced: 0, blank: 0, changes: 0};
  let before = "";
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end) {
    const canvas = find();
    seen.samples += 1;
    if (canvas !== first || !canvas.isConnected) seen.replaced += 1;
    if (canvas) {
      const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
      let filled = 0, sum = 0;
      for (let i = 0; i < pixels.length; i += 4) if (pixels[i + 3]) { filled += 1; sum = (sum + pixels[i] * i) % 1e9; }
      if (!filled) seen.blank += 1;
      if (before && sum !== before) seen.changes += 1;
      before = sum;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return seen;
}"""


@pytest.fixture(autouse=True)
def end_runs(server):
    """No test leaves a training behind for the next."""
    yield
    server.end_runs()


def test_a_run_is_the_same_in_every_tab_and_is_paused_resumed_and_stopped(tab, server, eventually):
    first = tab().open()
    run = first.start(LONG)
    first.state("running").sees(LEARNT)

    first.page.get_by_test_id("stSidebar").get_by_role("link", name="Home").click()
    first.sees("Watch a network learn")
    first.page.get_by_test_id("stSidebar").get_by_role("link", name="Train").click()
    first.state("running").sees(LEARNT)

    second = tab().open(f"/train?run={run.id}").state("running").sees(LEARNT)
    first.page.goto(f"{server.url}/train?run={run.id}")
    first.page.reload()
    first.settle().state("running")

    first.press("Pause").state("paused")
    second.state("paused")
    expect(second.button("Pause")).to_have_count(0)
    second.press("Resume")
    first.state("running")
    first.press("Stop training").state("stopped")
    second.state("stopped")
    assert run.status.state == "stopped"
    eventually(lambda: not server.workers())
    expect(first.page).to_have_url(re.compile(f"run={run.id}"))


def test_the_chart_is_never_blank_and_never_replaced_while_it_grows(tab):
    opened = tab().open()
    opened.start(LONG)
    opened.state("running").sees(LEARNT)
    expect(opened.chart).to_be_visible()
    seen = opened.page.evaluate(WATCH, {"seconds": 4})
    assert seen["samples"] > 10
    assert (seen["replaced"], seen["blank"]) == (0, 0), seen
    assert seen["changes"], "new points appear"


def test_a_run_finishes_is_deleted_and_brought_back(tab, server):
    opened = tab().open()
    run = opened.start(0.05)
    opened.sees(re.compile(r"[\d.]+\s% of the validation images are right after 0.05\d* epochs"))
    expect(opened.main.get_by_role("link", name="What it confuses")).to_be_visible()
    expect(opened.page).to_have_title(re.compile(rf"^Finished: {re.escape(run.title)} · Train"))
    assert run.status.state == "finished"
    server.store.relabel(run, "local", name="tiny one")
    opened.view("Earlier runs")
    table = opened.main.get_by_test_id("stDataFrame")
    table.click(position={"x": 16, "y": 52})  # the box of the first row
    opened.press("Delete")
    dialog = opened.page.get_by_role("dialog")
    expect(dialog.get_by_text("tiny one and its curves")).to_be_visible()
    opened.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    opened.press("Star")
    expect(opened.button("Remove star")).to_be_visible()
    expect(dialog).to_have_count(0)  # a dismissed question does not come back

    opened.press("Delete")
    dialog.get_by_role("button", name="Delete").click()
    opened.sees("tiny one was deleted.")
    assert run.id not in {other.id for other in server.runs()}
    undo = opened.main.get_by_role("button", name=re.compile("^Undo Shortcut"))
    expect(undo).to_be_in_viewport()  # though the list stands far below
    opened.page.keyboard.press("Control+Alt+z")
    opened.sees("tiny one was restored.")
    assert run.id in {other.id for other in server.runs()}


def test_a_second_run_waits_for_the_first(tab, server):
    one, two = tab().open(), tab().open()
    first = one.start(LONG)
    one.state("running")
    second = two.start(LONG)
    two.state("queued").sees("Waiting in the queue, 1 ahead").sees(f"Ahead in the queue: {first.title}")
    one.press("Stop training").state("stopped")
    two.state("running")
    assert second.status.state == "running"


def test_a_run_outlives_a_killed_server_and_is_resumed(tab, server, eventually):
    opened = tab().open()
    run = opened.start(LONG)
    opened.state("running").sees(LEARNT)
    server.kill()
    eventually(lambda: not server.workers())  # it saves and ends when its server is gone
    learnt = len(run.read_metrics())
    server.start()
    opened = tab().open(f"/train?run={run.id}").state("interrupted").sees(LEARNT)
    opened.press("Resume").state("running")
    eventually(lambda: len(run.read_metrics()) > learnt)
    steps = [line["step"] for line in run.read_metrics()]
    assert steps == sorted(steps), "it goes on where it was"
