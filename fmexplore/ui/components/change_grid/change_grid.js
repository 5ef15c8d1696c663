// A table of buttons: rows are changes of the images, columns their severities.

import { element } from "../element.js";
import { moveFocus, tint } from "../grid.js";

const SEVERITIES = 5;

function build(data) {
  const columns = element(
    "colgroup",
    {},
    element("col", { className: "picture" }),
    element("col", { className: "names" }),
  );
  const head = element("tr", {}, element("td", { ariaHidden: "true" }), element("th", { scope: "col" }));
  head.lastChild.textContent = "severity";
  head.lastChild.style.textAlign = "right";
  head.lastChild.style.paddingRight = "8px";
  for (let severity = 1; severity <= SEVERITIES; severity++) {
    columns.append(element("col"));
    head.append(element("th", { scope: "col", textContent: severity }));
  }
  const body = element("tbody");
  data.lines.forEach((line, place) => {
    const picture = element("div", { className: "shown" });
    picture.style.backgroundImage = `url(data:image/png;base64,${data.sheet})`;
    picture.style.backgroundPositionY = `${-28 * place}px`;
    const row = element("tr", {}, element("td", { ariaHidden: "true" }, picture));
    const name = element("th", { scope: "row", textContent: line.name, title: line.about });
    name.className = line.marked ? "marked" : "";
    row.append(name);
    line.cells.forEach((cell, at) => {
      const button = element("button", { type: "button", textContent: cell.text, title: cell.label });
      const share = Math.round(100 * Math.min(1, Math.max(0, cell.weight)));
      button.ariaLabel = cell.label;
      button.pick = [line.name, at + 1];
      button.tabIndex = -1;
      tint(button, "var(--st-orange-color)", share);
      button.ariaPressed = String(data.picked?.[0] === line.name && data.picked[1] === at + 1);
      row.append(element("td", {}, button));
    });
    body.append(row);
  });
  const table = element("table", {}, columns, element("thead", {}, head), body);
  table.setAttribute("aria-label", data.label);
  return [table, element("div", { className: "mark", textContent: data.mark, hidden: !data.mark })];
}

export default function ({ data, parentElement, setTriggerValue }) {
  const board = parentElement.querySelector(".board");
  const signature = JSON.stringify(data);
  if (board.signature !== signature) {
    const before = parentElement.getRootNode().activeElement?.pick;
    board.signature = signature;
    board.replaceChildren(...build(data));
    board.grid = [...board.querySelectorAll("tbody tr")].map((row) => [...row.querySelectorAll("button")]);
    const buttons = board.grid.flat();
    const last = buttons.find((each) => String(each.pick) === String(before));
    const first = last ?? buttons.find((each) => each.ariaPressed === "true") ?? buttons[0];
    if (first) first.tabIndex = 0;
    last?.focus({ preventScroll: true });
  }
  board.onclick = (event) => {
    const button = event.target.closest("button");
    if (button) setTriggerValue("pick", button.pick);
  };
  board.onkeydown = (event) => moveFocus(event, board.grid);
}
