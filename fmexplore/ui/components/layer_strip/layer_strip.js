// The layers of a network in a row of buttons, which scrolls sideways; arrows move along it.

import { element } from "../element.js";
import { moveFocus } from "../grid.js";

const SIDE = 56; // of a picture as shown

function build(data) {
  return data.stops.map((stop) => {
    const picture = element("span", { className: "picture" });
    if (stop.picture === null) picture.textContent = "no maps";
    else {
      picture.style.backgroundImage = `url(data:image/png;base64,${data.sheet})`;
      picture.style.backgroundPositionY = `${-SIDE * stop.picture}px`;
    }
    const button = element("button", { type: "button", tabIndex: -1, className: stop.depth ? "inner" : "" });
    button.append(
      picture,
      element("span", { textContent: stop.name }),
      element("span", { textContent: stop.text }),
      element("span", { textContent: stop.gives }),
    );
    button.pick = stop.name;
    return button;
  });
}

export default function ({ data, parentElement, setTriggerValue }) {
  const strip = parentElement.querySelector(".strip");
  const signature = JSON.stringify([data.sheet, data.stops]);
  if (strip.signature !== signature) {
    const before = parentElement.getRootNode().activeElement?.pick;
    strip.signature = signature;
    strip.replaceChildren(...build(data));
    [...strip.children].find((each) => each.pick === before)?.focus({ preventScroll: true });
  }
  const buttons = [...strip.children];
  const picked = buttons.find((each) => each.pick === data.picked) ?? buttons[0];
  for (const each of buttons) {
    each.ariaPressed = String(each === picked);
    each.tabIndex = each === picked ? 0 : -1;
  }
  if (strip.picked !== data.picked) {
    // Sideways only: scrollIntoView would move the page too.
    strip.scrollLeft = picked.offsetLeft - strip.offsetLeft - (strip.clientWidth - picked.offsetWidth) / 2;
    strip.picked = data.picked;
  }
  strip.onclick = (event) => {
    const button = event.target.closest("button");
    if (button) setTriggerValue("pick", button.pick);
  };
  strip.onkeydown = (event) => moveFocus(event, [buttons]);
}
