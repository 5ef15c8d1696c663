// Rows of two marks on one scale: what was printed, and what was measured with its tolerance.
const make = (name, className, more = {}) => Object.assign(document.createElement(name), { className, ...more });

function draw(root, data) {
  const [low, high] = data.scale;
  const place = (value) => `${(100 * (Math.min(Math.max(value, low), high) - low)) / (high - low)}%`;
  const ticks = [];
  const step = high - low > 6 ? 2 : 1;
  for (let tick = Math.ceil(low / step) * step; tick <= high; tick += step) ticks.push(tick);
  const head = make("div", "row head");
  head.setAttribute("aria-hidden", "true");
  const axis = make("span", "track");
  for (const tick of ticks) {
    const text = make("span", "tick", { textContent: `${tick}` });
    text.style.left = place(tick);
    axis.append(text);
  }
  const key = make("span", "key");
  key.append(make("i", "printed"), "printed", make("i", "measured"), "measured");
  head.append(key, axis, make("span", "unit", { textContent: "%" }));
  const rows = data.rows.map((row) => {
    const button = make("button", "row", { type: "button", ariaLabel: row.label, title: row.label });
    button.dataset.id = row.id;
    const name = make("span", "name");
    name.append(make("b", "", { textContent: row.name }), make("small", "", { textContent: row.note }));
    const track = make("span", "track");
    for (const tick of ticks) {
      const line = make("i", "grid");
      line.style.left = place(tick);
      track.append(line);
    }
    if (row.mean !== null) {
      const band = make("i", "band");
      band.style.left = place(row.mean - row.tolerance);
      band.style.right = `calc(100% - ${place(row.mean + row.tolerance)})`;
      const link = make("i", "link");
      link.style.left = place(Math.min(row.mean, row.printed));
      link.style.right = `calc(100% - ${place(Math.max(row.mean, row.printed))})`;
      const measured = make("i", "measured");
      measured.style.left = place(row.mean);
      track.append(band, link, measured);
    }
    const printed = make("i", "printed");
    printed.style.left = place(row.printed);
    track.append(printed);
    button.append(name, track, make("span", `verdict ${row.tone}`, { textContent: row.verdict }));
    return button;
  });
  root.replaceChildren(head, ...rows);
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".dumbbell");
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", data.label);
  const signature = JSON.stringify([data.rows, data.scale]);
  if (root.signature !== signature) {
    root.signature = signature;
    draw(root, data);
  }
  const rows = [...root.querySelectorAll("button")];
  rows.forEach((row) => row.setAttribute("aria-current", String(row.dataset.id === data.current)));
  root.onclick = (event) => {
    const row = event.target.closest("button");
    if (row) setTriggerValue("pick", row.dataset.id);
  };
  root.onkeydown = (event) => {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const next = step && rows[rows.indexOf(event.target.closest("button")) + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  };
}
