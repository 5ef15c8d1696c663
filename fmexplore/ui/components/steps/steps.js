// A photo on its way to 28 x 28: one picture for each step, the prediction there, and a button where it can be switched.

import { element } from "../element.js";

function stage(step, number, press) {
  const picture = element("img", { src: `data:image/png;base64,${step.picture}`, alt: `After ${step.title}` });
  picture.onload = () => picture.classList.toggle("small", picture.naturalWidth <= 28 && picture.naturalHeight <= 28);
  const made = element(
    "li",
    { className: step.done ? "" : "left-out" },
    element("span", { className: "frame" }, picture),
    element("span", { className: "title", textContent: `${number + 1} ${step.title}` }),
    element("span", { className: step.changed ? "verdict changed" : "verdict", textContent: step.verdict }),
    element("span", { className: "note", textContent: step.note }),
  );
  if (step.action) {
    const button = element("button", {
      type: "button",
      textContent: step.action,
      ariaLabel: `${step.title}: ${step.action}`,
    });
    button.dataset.step = step.name;
    button.onclick = () => press(step.name);
    made.append(button);
  }
  return made;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const list = parentElement.querySelector(".steps");
  const signature = JSON.stringify(data);
  if (list.signature === signature) return;
  list.signature = signature;
  const focused = list.contains(parentElement.activeElement) ? parentElement.activeElement.dataset.step : null;
  list.replaceChildren(
    ...data.steps.map((step, number) => stage(step, number, (name) => setTriggerValue("press", name))),
  );
  if (focused) list.querySelector(`button[data-step="${focused}"]`)?.focus();
}
