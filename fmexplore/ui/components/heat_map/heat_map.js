// Maps of one image: the pixel that is pointed at in one is outlined, and told, in all of them; arrows move it.

import { element } from "../element.js";

const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

function draw(board, maps) {
  board.figures = maps.map((map) => {
    const picture = element(map.picture ? "button" : "span", { className: "picture" });
    const cursor = element("span", { className: "cursor", hidden: true });
    const name = element("figcaption", { textContent: map.name });
    const figure = element("figure", { className: map.minor ? "minor" : "" }, name, picture);
    if (map.picture) {
      picture.type = "button";
      picture.style.backgroundImage = `url(data:image/png;base64,${map.picture})`;
      picture.ariaLabel = `${map.name}, ${map.values.length} x ${map.values[0].length} values: arrows move`;
      picture.append(cursor);
      const bar = element("span", { className: "bar" });
      bar.style.background = map.scale;
      const ends = element(
        "span",
        { className: "ends" },
        ...map.ends.map((end) => element("span", { textContent: end })),
      );
      figure.append(bar, ends);
    }
    return { ...map, picture, cursor, figure };
  });
  board.told = element("p", { className: "told" });
  board.told.setAttribute("aria-live", "polite");
  board.classList.toggle("equal", !maps.some(({ minor }) => minor));
  board.replaceChildren(...board.figures.map(({ figure }) => figure), board.told);
}

export default function ({ data, parentElement }) {
  const board = parentElement.querySelector(".heat-maps");
  const signature = JSON.stringify(data.maps);
  if (board.signature === signature) return;
  board.signature = signature;
  draw(board, data.maps);
  const drawn = board.figures.filter(({ values }) => values.length);
  const rows = drawn[0]?.values.length ?? 0;
  const columns = drawn[0]?.values[0].length ?? 0;
  const tell = (place) => {
    board.place = place;
    for (const { cursor } of drawn) {
      cursor.hidden = !place;
      if (!place) continue;
      cursor.style.top = `${(100 * place[0]) / rows}%`;
      cursor.style.left = `${(100 * place[1]) / columns}%`;
      cursor.style.height = `${100 / rows}%`;
      cursor.style.width = `${100 / columns}%`;
    }
    const values = place && drawn.map(({ name, values }) => `${name} ${values[place[0]][place[1]]}`);
    board.told.textContent = place
      ? `Row ${place[0]}, column ${place[1]}: ${values.join("; ")}`
      : "Point at a pixel to read its value.";
  };
  const cut = (share, count) => Math.max(0, Math.min(count - 1, Math.floor(share * count)));
  for (const { picture } of drawn) {
    picture.onpointermove = picture.onclick = (event) => {
      if (event.type === "click" && !event.detail) return; // by Enter: it has no place of its own
      const box = picture.getBoundingClientRect();
      tell([cut((event.clientY - box.top) / box.height, rows), cut((event.clientX - box.left) / box.width, columns)]);
    };
    picture.onpointerleave = (event) => event.pointerType === "mouse" && tell(null);
    picture.onfocus = () => picture.matches(":focus-visible") && tell(board.place ?? [rows >> 1, columns >> 1]);
    picture.onkeydown = (event) => {
      const move = MOVES[event.key];
      if (!move) return;
      event.preventDefault();
      const [y, x] = board.place ?? [rows >> 1, columns >> 1];
      tell([Math.max(0, Math.min(rows - 1, y + move[0])), Math.max(0, Math.min(columns - 1, x + move[1]))]);
    };
  }
  if (drawn.length) tell(null);
}
