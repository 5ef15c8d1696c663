// A map whose values are pointed at: hover reads one, a click chooses it; arrows move, Enter chooses.

import { element } from "../element.js";

function lay(mark, [top, left, bottom, right], rows, columns) {
  mark.style.top = `${(100 * top) / rows}%`;
  mark.style.left = `${(100 * left) / columns}%`;
  mark.style.height = `${(100 * (bottom - top)) / rows}%`;
  mark.style.width = `${(100 * (right - left)) / columns}%`;
}

const spot = ([y, x]) => [y, x, y + 1, x + 1];

function build(board) {
  const map = element("button", { type: "button", className: "picture" });
  const [cursor, mark, field] = ["cursor", "mark", "mark"].map((className) => element("span", { className }));
  map.append(mark, cursor);
  const image = element("span", { className: "picture" }, field);
  image.setAttribute("role", "img");
  const [value, seen] = [element("figcaption"), element("figcaption")];
  value.setAttribute("aria-live", "polite");
  const figure = element("figure", {}, map, value);
  board.append(figure, element("figure", {}, image, seen));
  return { map, cursor, mark, field, image, value, seen, figure };
}

export default function ({ data, parentElement, setTriggerValue }) {
  const board = parentElement.querySelector(".value-map");
  board.parts ??= build(board);
  const { map, cursor, mark, field, image, value, seen, figure } = board.parts;
  const rows = data.values.length;
  const columns = data.values[0]?.length ?? 0;
  figure.hidden = !data.map;
  image.style.backgroundImage = `url(data:image/png;base64,${data.image})`;
  image.style.aspectRatio = "1";
  field.hidden = !data.box;
  image.ariaLabel = "The image";
  seen.textContent = data.told;
  if (data.box) lay(field, data.box, data.side, data.side);
  if (!data.map) return;
  map.style.backgroundImage = `url(data:image/png;base64,${data.map})`;
  map.style.aspectRatio = `${columns} / ${rows}`;
  map.ariaLabel = `${data.name}, ${rows} x ${columns} values: arrows move, Enter chooses`;
  lay(mark, spot(data.at), rows, columns);
  const say = (place) => {
    const [y, x] = place;
    value.textContent = `${data.name}, row ${y}, column ${x}: ${data.values[y][x]}`;
    lay(cursor, spot(place), rows, columns);
  };
  const back = () => {
    board.place = data.at;
    say(data.at);
  };
  const under = (event) => {
    const box = map.getBoundingClientRect();
    const cut = (share, count) => Math.max(0, Math.min(count - 1, Math.floor(share * count)));
    return [cut((event.clientY - box.top) / box.height, rows), cut((event.clientX - box.left) / box.width, columns)];
  };
  back();
  map.onpointermove = (event) => {
    board.place = under(event);
    say(board.place);
  };
  map.onpointerleave = back;
  // A click by Enter or Space has no place of its own.
  map.onclick = (event) => setTriggerValue("point", event.detail ? under(event) : board.place);
  map.onkeydown = (event) => {
    const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!move) return;
    event.preventDefault();
    const [y, x] = [board.place[0] + move[0], board.place[1] + move[1]];
    if (y < 0 || x < 0 || y >= rows || x >= columns) return;
    board.place = [y, x];
    say(board.place);
  };
}
