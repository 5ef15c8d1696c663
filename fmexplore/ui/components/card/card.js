// One image: large, with its ten probabilities, its history and what others say. Arrow keys lead to its neighbours.

import { element } from "../element.js";

function way(data, go) {
  const bar = element("div", { className: "way" });
  const button = (text, label, step, usable) => {
    const made = element("button", {
      type: "button",
      textContent: text,
      ariaLabel: label,
      title: label,
      disabled: !usable,
    });
    made.onclick = () => go(step);
    return made;
  };
  if (data.back) bar.append(button(data.back, `${data.back} (Esc)`, "close", true));
  if (data.place) {
    bar.append(
      element("span", { className: "place", textContent: data.place }),
      button("←", "Previous image (left arrow)", "previous", data.previous),
      button("→", "Next image (right arrow)", "next", data.next),
    );
  }
  return bar;
}

function bars(data) {
  const list = element("div", { className: "bars" });
  data.bars.forEach((bar) => {
    const kind = bar.true || bar.verdict ? "true" : bar.predicted ? "wrong" : "";
    const fill = element("i");
    fill.style.width = `${100 * bar.probability}%`;
    const title = bar.true ? "true class" : "";
    list.append(
      element("span", { className: bar.true || bar.verdict ? "true" : "", title, textContent: bar.name }),
      element("span", { className: `bar ${kind}` }, fill),
      element("span", { className: "number", textContent: bar.text }),
    );
  });
  return list;
}

function chips(tag, title, entries) {
  const list = element(tag);
  entries.forEach((entry) => {
    const chip = element("li", { className: entry.right ? "right" : "", title: entry.title }, entry.text, " ");
    if (entry.note) chip.append(element("small", { textContent: entry.note }));
    list.append(chip);
  });
  return [element("h3", { textContent: title }), list];
}

export default function ({ data, parentElement, setTriggerValue }) {
  const card = parentElement.querySelector(".card");
  const go = (step) => setTriggerValue("go", step);
  card.data = data;
  card.go = go;
  const signature = JSON.stringify(data);
  if (card.signature !== signature) {
    const focused = card.contains(parentElement.activeElement) ? parentElement.activeElement.ariaLabel : null;
    card.signature = signature;
    const picture = element("img", { src: `data:image/png;base64,${data.picture}`, alt: data.alt });
    card.replaceChildren(element("div", { className: "body" }, picture, bars(data)));
    if (data.back || data.place) card.prepend(way(data, go));
    if (data.history.length) card.append(...chips("ol", data.history_title, data.history));
    else if (data.history_title) card.append(element("p", { textContent: data.history_title }));
    if (data.others.length) card.append(...chips("ul", "Predictions of other runs", data.others));
    if (focused) [...card.querySelectorAll("button")].find((one) => one.ariaLabel === focused)?.focus();
  }
  if (!card.listener) {
    card.listener = (event) => {
      const typing = event.composedPath()[0].closest?.("input, textarea, select, [contenteditable], [role=slider]");
      if (event.defaultPrevented || typing || event.ctrlKey || event.metaKey || event.altKey) return;
      const step = { ArrowLeft: "previous", ArrowRight: "next", Escape: "close" }[event.key];
      if (!step || !card.data[step === "close" ? "back" : step]) return;
      event.preventDefault();
      card.go(step);
    };
    document.addEventListener("keydown", card.listener);
  }
  return () => {
    document.removeEventListener("keydown", card.listener);
    card.listener = null;
  };
}
