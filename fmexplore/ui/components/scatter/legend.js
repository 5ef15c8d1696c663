// The classes below a map: a press hides or shows one; with Shift or Alt it is the only one shown.

import { element } from "../element.js";
import { GREY, KEYS } from "./colours.js";

export function drawLegend(legend, images, by, hidden, hide) {
  const all = [...images.names.keys()];
  const counts = all.map(() => 0);
  for (const label of images.label) counts[label] += 1;
  const classes = images.names.map((name, label) => {
    const mark = element("i", { className: `shape${images.shapes[label]}` });
    mark.style.background = by === "label" || by === "said" ? images.colors[label] : GREY;
    const title = `${name}: ${counts[label]} images; click to hide or show`;
    const button = element("button", { type: "button", ariaPressed: String(!hidden.has(label)), title }, mark, name);
    button.onclick = (event) => {
      const others = event.shiftKey || event.altKey;
      hide(new Set(all.filter((each) => (others ? each !== label : hidden.has(each) !== (each === label)))));
    };
    return button;
  });
  const text = hidden.size ? "Show all classes" : "Hide all classes";
  const every = element("button", { type: "button", className: "every", textContent: text });
  every.onclick = () => hide(new Set(hidden.size ? [] : all));
  legend.replaceChildren(...classes, every);
  if (KEYS[by]) legend.append(element("span", { textContent: KEYS[by] }));
}
