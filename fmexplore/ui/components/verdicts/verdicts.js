// A table of texts; where it is narrow each row is a small card.
export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".verdicts");
  const signature = JSON.stringify(data);
  if (root.signature === signature) return;
  root.signature = signature;
  const cell = (name, text, className = "") =>
    Object.assign(document.createElement(name), { textContent: text, className });
  const head = document.createElement("tr");
  head.append(...data.heads.map((text) => Object.assign(cell("th", text), { scope: "col" })));
  const rows = data.rows.map((texts, number) => {
    const row = document.createElement("tr");
    texts.forEach((text, column) => {
      const made = cell("td", text, column === data.verdict ? `verdict ${data.tones[number]}` : "");
      made.dataset.label = data.heads[column];
      if (!text) made.classList.add("empty");
      row.append(made);
    });
    return row;
  });
  const table = document.createElement("table");
  const top = document.createElement("thead");
  const body = document.createElement("tbody");
  top.append(head);
  body.append(...rows);
  table.className = data.heads.length > 2 ? "wide" : "";
  table.append(top, body);
  root.replaceChildren(table);
}
