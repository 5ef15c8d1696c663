// A table of numbers; the names of its rows are buttons that lead to where a number comes from.

import { element } from "../element.js";
import { moveFocus } from "../grid.js";

function build(data) {
  const head = element("tr");
  for (const text of [...data.heads, ""]) {
    head.append(text ? element("th", { scope: "col", textContent: text }) : element("td", { ariaHidden: "true" }));
  }
  const body = element("tbody");
  data.rows.forEach((row, number) => {
    const name = element("th", { scope: "row" });
    if (row.leads)
      name.append(element("button", { type: "button", tabIndex: -1, textContent: row.name, pick: number }));
    else name.textContent = row.name;
    const bar = element("span", { className: row.size < 0 ? "negative" : "" });
    bar.style.width = `${100 * Math.abs(row.size)}%`;
    const line = element("tr", { className: row.marked ? "marked" : "" }, name);
    line.append(...row.numbers.map((text) => element("td", { textContent: text })));
    line.append(element("td", { className: "bar", ariaHidden: "true" }, bar));
    body.append(line);
  });
  const foot = element("tfoot");
  for (const [name, text] of data.ends) {
    const cell = element("td", { textContent: text, colSpan: data.heads.length - 1 });
    foot.append(element("tr", {}, element("th", { scope: "row", textContent: name }), cell, element("td")));
  }
  return element("table", {}, element("thead", {}, head), body, foot);
}

export default function ({ data, parentElement, setTriggerValue }) {
  const board = parentElement.querySelector(".terms-of-sum");
  const signature = JSON.stringify(data);
  if (board.signature !== signature) {
    const focused = board.contains(parentElement.getRootNode().activeElement);
    board.signature = signature;
    board.replaceChildren(build(data));
    const first = board.querySelector("button");
    if (first) first.tabIndex = 0;
    if (focused) first?.focus({ preventScroll: true }); // so that the keyboard walks on
  }
  const rows = [...board.querySelectorAll("button")].map((button) => [button]);
  board.onclick = (event) => {
    const button = event.target.closest("button");
    if (button) setTriggerValue("pick", button.pick);
  };
  board.onkeydown = (event) => moveFocus(event, rows);
}
