// Rows are true classes; a logarithmic scale, or errors would vanish beside the diagonal.
function draw(matrix, names) {
  const figure = document.createElement("figure");
  const most = Math.log1p(Math.max(1, ...matrix.counts.flat()));
  const table = document.createElement("table");
  table.setAttribute("aria-label", `Confusion of the ten classes, ${matrix.title}`);
  const body = table.createTBody();
  matrix.counts.forEach((counts, row) => {
    const line = body.insertRow();
    counts.forEach((count, column) => {
      const cell = line.insertCell();
      const share = Math.round((100 * Math.log1p(count)) / most);
      const color = row === column ? "var(--st-blue-color)" : "var(--st-orange-color)";
      cell.style.background = `color-mix(in srgb, ${color} ${share}%, var(--st-secondary-background-color))`;
      cell.title = `${names[row]} taken for ${names[column]}: ${count}`;
    });
  });
  const caption = Object.assign(document.createElement("figcaption"), { textContent: matrix.title });
  figure.append(table, caption);
  return figure;
}

export default function ({ data, parentElement }) {
  const strip = parentElement.querySelector(".strip");
  const signature = JSON.stringify(data);
  if (strip.dataset.signature === signature) return;
  strip.dataset.signature = signature;
  const row = document.createElement("div");
  row.append(...data.matrices.map((matrix) => draw(matrix, data.names)));
  strip.replaceChildren(row);
}
