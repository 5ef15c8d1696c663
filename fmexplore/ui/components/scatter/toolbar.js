// The buttons above a map: how the pointer works, zoom, and how the points look.

import { element } from "../element.js";
import { BY } from "./colours.js";

const MODES = { move: "Move", lasso: "Lasso", box: "Box" };

function press(textContent, label, onclick) {
  return element("button", { type: "button", textContent, ariaLabel: label, title: label, onclick });
}

export class Toolbar {
  constructor(bar, map) {
    this.map = map;
    this.modes = Object.entries(MODES).map(([mode, textContent]) =>
      Object.assign(element("button", { type: "button", textContent, onclick: () => map.setMode(mode) }), { mode }),
    );
    this.turn = this.toggle("turning", "Turn");
    this.pictures = this.toggle("pictures", "Pictures");
    const colour = element("select", { ariaLabel: "Colour by", onchange: () => map.set({ by: colour.value }) });
    colour.append(...Object.entries(BY).map(([value, textContent]) => element("option", { value, textContent })));
    colour.value = map.state.by;
    bar.append(
      element("span", { className: "group" }, ...this.modes),
      press("+", "Zoom in", () => map.zoomBy(1.5)),
      press("−", "Zoom out", () => map.zoomBy(1 / 1.5)),
      press("Whole map", "Show the whole map", () => map.showAll()),
      this.turn,
      this.pictures,
      this.toggle("errors", "Errors only"),
      element("label", {}, element("span", { textContent: "Colour" }), colour),
    );
    this.drawMode();
  }

  toggle(name, textContent) {
    const { map } = this;
    const button = element("button", { type: "button", textContent, ariaPressed: String(map.state[name]) });
    button.onclick = () => {
      map.set({ [name]: !map.state[name] });
      button.ariaPressed = String(map.state[name]);
    };
    return button;
  }

  drawMode() {
    for (const button of this.modes) button.ariaPressed = String(button.mode === this.map.state.mode);
  }

  // Only what the map at hand can do.
  offer({ turning, selecting, pictures }) {
    this.turn.hidden = !turning;
    this.pictures.hidden = !pictures;
    this.modes[0].parentElement.hidden = !selecting;
  }
}
