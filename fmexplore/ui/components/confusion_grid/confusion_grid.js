// A table of buttons: rows are true classes, columns predicted ones; one frame for each moment of a run.

import { element } from "../element.js";
import { moveFocus, tint } from "../grid.js";

const TICK = 650;

function build(board, size) {
  board.replaceChildren();
  const table = element("table");
  const columns = element("colgroup", {}, element("col", { className: "names" }));
  const head = element("tr", {}, element("td", { ariaHidden: "true" }));
  const body = element("tbody");
  for (let at = 0; at < size; at++) {
    columns.append(element("col"));
    head.append(element("th", { scope: "col" }, element("button", { type: "button" })));
    const row = element("tr", {}, element("th", { scope: "row" }, element("button", { type: "button" })));
    for (let column = 0; column < size; column++) row.append(element("td", {}, element("button", { type: "button" })));
    body.append(row);
  }
  table.append(columns, element("thead", {}, head), body);
  const axis = element("div", { className: "axis", textContent: "predicted class" });
  const time = element(
    "div",
    { className: "time" },
    element("button", { type: "button", className: "play" }),
    element("input", { type: "range", min: 0, ariaLabel: "Moment of the training" }),
    element("output"),
  );
  const key = element(
    "div",
    { className: "key" },
    element("span", { className: "better", textContent: "better: more right, or fewer mistakes" }),
    element("span", { className: "worse", textContent: "worse" }),
  );
  board.append(table, axis, key, time);
}

// Buttons by row and column, heads included: [0][3] is the head of the third class.
function gridOf(board) {
  const line = (row) => [
    row.querySelector("th[scope=row] button"),
    ...row.querySelectorAll("th[scope=col] button, td button"),
  ];
  return [...board.querySelectorAll("tr")].map(line);
}

function numbers(counts, data) {
  if (data.numbers === "counts") return counts;
  if (data.numbers === "true") {
    return counts.map((row) =>
      row.map(
        (count) =>
          (100 * count) /
          Math.max(
            1,
            row.reduce((a, b) => a + b, 0),
          ),
      ),
    );
  }
  const sums = counts[0].map((_, column) => counts.reduce((sum, row) => sum + row[column], 0));
  return counts.map((row) => row.map((count, column) => (100 * count) / Math.max(1, sums[column])));
}

function written(value, data) {
  const rounded = data.numbers === "counts" ? value : value >= 10 ? Math.round(value) : Math.round(10 * value) / 10;
  if (!rounded) return "";
  if (!data.difference) return String(rounded).replace(".", data.sign);
  return rounded > 0 ? `+${rounded}` : `−${-rounded}`;
}

function change(count, better) {
  if (!count) return "as many images";
  return `${Math.abs(count)} images ${count > 0 ? "more" : "fewer"}, ${better ? "better" : "worse"}`;
}

function paint(board, data, frame) {
  const shown = data.frames[frame];
  const values = numbers(shown.counts, data);
  const weight = (value) => (data.scale === "log" ? Math.log1p(Math.abs(value)) : Math.abs(value));
  let most = 0;
  values.forEach((row, true_) =>
    row.forEach((value, predicted) => {
      if (!(data.dim && true_ === predicted)) most = Math.max(most, weight(value));
    }),
  );
  const table = board.querySelector("table");
  table.className = data.dim ? "dim" : "";
  table.setAttribute("aria-label", `${data.label}, ${shown.caption}`);
  const rows = board.grid;
  data.order.forEach((label, at) => {
    const column = rows[0][at + 1];
    column.textContent = data.names[label];
    column.title = data.names[label];
    column.pick = { column: label };
    column.ariaLabel = `all predicted as ${data.names[label]}`;
    const row = rows[at + 1][0];
    row.textContent = data.names[label];
    row.title = data.names[label];
    row.pick = { row: label };
    row.ariaLabel = `all of class ${data.names[label]}`;
    data.order.forEach((predicted, place) => {
      const button = rows[at + 1][place + 1];
      const [count, value] = [shown.counts[label][predicted], values[label][predicted]];
      const share = most ? Math.min(100, Math.round((100 * weight(value)) / most)) : 0;
      // Of a difference, more on the diagonal and less beside it is better.
      const first = data.difference ? value > 0 === (label === predicted) : label === predicted;
      const color = first ? "var(--st-blue-color)" : "var(--st-orange-color)";
      button.textContent = written(value, data);
      button.pick = { cell: [label, predicted] };
      tint(button, color, share);
      button.parentElement.className = label === predicted ? "hit" : "";
      const unit = data.numbers === "counts" ? "" : `, ${value.toFixed(1).replace(".", data.sign)} %`;
      const said = data.difference ? change(count, first) : `${count} images${unit}`;
      button.ariaLabel = `true ${data.names[label]}, predicted ${data.names[predicted]}: ${said}`;
      button.title = button.ariaLabel;
    });
  });
  board.querySelector(".key").hidden = !data.difference;
  const time = board.querySelector(".time");
  time.hidden = data.frames.length < 2;
  const slider = time.querySelector("input");
  slider.max = data.frames.length - 1;
  slider.value = frame;
  slider.setAttribute("aria-valuetext", shown.caption);
  time.querySelector("output").textContent = shown.caption;
  time.querySelector(".play").textContent = board.timer ? "Pause" : "Play";
}

const isMarked = ({ cell, row, column }, data, cells) =>
  cell ? cells.has(String(cell)) : column === undefined ? data.row === row : data.column === column;

// Apart from `paint`, as most clicks change nothing else.
function mark(board, data) {
  const cells = new Set(data.cells.map(String));
  for (const button of board.grid.flat()) {
    if (button) button.ariaPressed = String(isMarked(button.pick, data, cells));
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const board = parentElement.querySelector(".board");
  if (board.grid?.length !== data.names.length + 1) {
    clearInterval(board.timer);
    board.timer = null;
    build(board, data.names.length);
    board.grid = gridOf(board);
    board.grid.flat().forEach((button) => button && Object.assign(button, { tabIndex: -1 }));
    board.grid[1][1].tabIndex = 0;
  }
  const signature = JSON.stringify({ ...data, cells: null, row: null, column: null });
  const stop = () => {
    clearInterval(board.timer);
    board.timer = null;
  };
  const settle = () => {
    stop();
    paint(board, board.data, board.frame);
    if (board.frame !== board.data.frame) setTriggerValue("frame", board.frame);
  };
  if (board.signature !== signature) {
    board.signature = signature;
    board.data = data;
    if (!board.timer) board.frame = data.frame;
    paint(board, data, board.frame);
  }
  mark(board, data);
  board.onclick = (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.className === "play") {
      if (board.timer) return settle();
      if (board.frame === board.data.frames.length - 1) board.frame = -1;
      const step = () => {
        board.frame += 1;
        if (board.frame >= board.data.frames.length - 1) settle();
        else paint(board, board.data, board.frame);
      };
      board.timer = setInterval(step, TICK);
      step();
      return;
    }
    if (!button.pick) return;
    const more = event.ctrlKey || event.metaKey || event.shiftKey;
    // The mark is seen at once; what the server answers confirms it.
    if (!more) for (const each of board.grid.flat()) if (each) each.ariaPressed = String(each === button);
    setTriggerValue("pick", { ...button.pick, more });
  };
  const slider = board.querySelector("input");
  slider.oninput = () => {
    stop();
    board.frame = Number(slider.value);
    paint(board, board.data, board.frame);
  };
  slider.onchange = settle;
  board.onkeydown = (event) => moveFocus(event, board.grid);
  return () => clearInterval(board.timer);
}
