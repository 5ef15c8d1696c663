"""What only a browser shows: keyboard, phone, themes, accessibility."""

import re

import pytest
from playwright.sync_api import expect

from fmexplore.training.presets import find_preset


def parameters(opened) -> int:
    text = opened.main.get_by_text(re.compile("parameters · ")).first.inner_text()
    return int(text.split()[0].replace(",", ""))


def test_layers_are_edited_by_keyboard_and_parameters_and_cost_follow(tab):
    opened = tab().open("/train?preset=quick").view("Layers")
    before = parameters(opened)
    opened.main.get_by_text(re.compile("^About")).first.wait_for()  # this machine has been measured
    field = opened.main.get_by_label("filters of layer 1", exact=True)
    field.focus()
    opened.page.keyboard.press("ControlOrMeta+a")
    opened.page.keyboard.type("64")
    opened.page.keyboard.press("Enter")
    opened.sees("Your own layer table.").settle()
    # 40 filters more in layer 1 of 1 channel, and 40 channels more into the 48 filters of layer 5; 40 biases of norm.
    assert parameters(opened) == before + 40 * 1 * 9 + 40 * 48 * 9 + 40
    expect(field).to_be_focused()  # it can go on from where it was
    field.fill("999999")
    field.press("Enter")
    told = "filters of layer 1 stays 64, as 999999 is not possible: choose a whole number from 1 to"
    expect(opened.main.get_by_role("alert").get_by_text(told)).to_be_visible()
    expect(field).to_have_value("64")
    kinds = opened.main.get_by_label(re.compile(r"^Kind of layer \d+$"))
    layers = kinds.count()
    opened.main.get_by_role("button", name="Add a layer before 1", exact=True).click()
    expect(kinds).to_have_count(layers + 1)
    expect(opened.main.get_by_label("filters of layer 2", exact=True)).to_have_value("64")


def test_a_table_that_cannot_be_built_says_which_layer_and_cannot_be_started(tab):
    layers = find_preset("codered-base").model.layers
    place = next(number for number, layer in enumerate(layers, 1) if layer.kind == "flatten")
    opened = tab().open("/train?preset=codered-base").view("Layers")
    expect(opened.button("Start training")).to_be_enabled()
    opened.main.get_by_role("button", name=f"Remove layer {place}", exact=True).focus()
    opened.page.keyboard.press("Enter")
    opened.sees(re.compile(rf"^Layer {place}\b.*flatten"))
    expect(opened.button("Start training")).to_be_disabled()
    opened.main.get_by_role("button", name=f"Add a layer after {place - 1}", exact=True).click()
    expect(opened.main.get_by_role("button", name=f"Remove layer {len(layers)}", exact=True)).to_be_visible()
    opened.main.get_by_label(f"Kind of layer {place}", exact=True).select_option("flatten")
    expect(opened.button("Start training")).to_be_enabled()


def test_a_number_out_of_range_does_not_become_the_setting(tab):
    opened = tab().open("/train?preset=quick")
    field = opened.main.get_by_label("Epochs", exact=True)
    field.fill("-3")
    field.press("Enter")
    opened.enter("Batch size", 128)
    opened.view("Earlier runs")
    expect(field).not_to_have_value("0")
    expect(opened.main.get_by_label("Batch size", exact=True)).to_have_value("128")
    opened.press("Start training").state("running")
    (run,) = opened.server.runs()
    opened.press("Stop training").state("stopped")
    assert run.config.training.epochs > 0
    assert run.config.training.batch_size == 128


def test_on_a_phone_the_figure_comes_before_its_controls(tab):
    opened = tab(phone=True).open("/train?run=quick")
    expect(opened.chart).to_be_visible()
    chart, start = opened.chart.bounding_box(), opened.button("Start training").bounding_box()
    assert chart["y"] + chart["height"] < start["y"]
    assert chart["width"] > 300


def test_without_the_sidebar_the_page_names_its_run_and_without_a_keyboard_several_cells_can_be_marked(tab):
    name = re.compile("^Run quick · .*shipped")
    expect(tab().open("/confusions?run=quick").main.get_by_text(name)).to_be_hidden()
    phone = tab(phone=True, has_touch=True, is_mobile=True).open("/confusions?run=quick").sees(name)
    phone.main.get_by_text("Mark several cells").tap()
    for true, predicted in (("Shirt", "Coat"), ("Coat", "Shirt")):
        phone.main.get_by_role("button", name=re.compile(f"^true {true}, predicted {predicted}:")).tap()
        phone.settle()
    expect(phone.main.locator("td button[aria-pressed=true]")).to_have_count(2)


@pytest.mark.parametrize("view", ["", "Confusion so far", "Layers", "Earlier runs"])
def test_it_fits_every_width_and_axe_finds_nothing_serious(tab, view):
    opened = tab().open("/train?run=quick" if view else "/")
    if view:
        opened.view(view)
        expect(opened.chart).to_be_visible()
    else:
        opened.sees("classes come apart")
    assert opened.faults() == {}
