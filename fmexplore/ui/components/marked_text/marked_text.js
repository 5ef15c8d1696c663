import { element } from "../element.js";

const SIGNS = { good: "✓", bad: "✗" };
const SAID = { good: "agrees", bad: "contradicts" };

// The lines of a text, each with its number and a sign; the keyboard scrolls it.
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".marked");
  const signature = JSON.stringify(data);
  if (root.signature === signature) return;
  root.signature = signature;
  const lines = data.lines.map((text, number) => {
    const tone = data.tones[number];
    const sign = element("span", { className: "sign", textContent: SIGNS[tone] ?? "" });
    sign.setAttribute("aria-hidden", "true");
    const place = element("span", { className: "place", textContent: number + 1 });
    const words = element("span", { className: "words", textContent: text || " " });
    const line = element("div", { className: `line ${tone}`, title: data.told[number] }, sign, place, words);
    if (tone) {
      const said = element("span", { className: "said", textContent: ` (${SAID[tone]})` });
      line.append(said);
    }
    return line;
  });
  root.tabIndex = 0;
  root.setAttribute("role", "region");
  root.setAttribute("aria-label", data.label);
  root.replaceChildren(...lines);
}
