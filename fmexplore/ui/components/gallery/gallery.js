// Small pictures cut from one sheet, crisp at any size; as buttons where they can be opened.
// One short address for all pictures: the sheet itself, a hundred kB of text, would be read again for each of them.
function hold(gallery, sheet) {
  URL.revokeObjectURL(gallery.sheet);
  const bytes = Uint8Array.from(atob(sheet), (letter) => letter.charCodeAt(0));
  gallery.sheet = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
  gallery.style.setProperty("--sheet", `url(${gallery.sheet})`);
}

// A word breaks after a slash, never after the hyphen of "T-shirt". Elements only where they are needed: of 200 pictures
// each one more is felt.
function captionOf(text) {
  const caption = Object.assign(document.createElement("span"), { className: "caption" });
  for (const word of text.split(/(?<=[ \n/])/)) {
    caption.append(word.includes("-") ? Object.assign(document.createElement("span"), { textContent: word }) : word);
    if (word.endsWith("/")) caption.append(document.createElement("wbr"));
  }
  caption.normalize();
  return caption;
}

function draw(gallery, data) {
  const rows = Math.ceil(data.items.length / data.columns);
  const place = (number, count) => (count > 1 ? (100 * number) / (count - 1) : 0);
  hold(gallery, data.sheet);
  gallery.style.setProperty("--shape", data.shape);
  gallery.style.setProperty("--cut", `${100 * data.columns}% ${100 * rows}%`);
  gallery.replaceChildren(
    ...data.items.map((item, number) => {
      const made = document.createElement(data.open ? "button" : "div");
      made.className = item.wrong ? "item wrong" : "item";
      const picture = Object.assign(document.createElement("span"), { className: "picture" });
      const [x, y] = [number % data.columns, Math.floor(number / data.columns)];
      picture.style.backgroundPosition = `${place(x, data.columns)}% ${place(y, rows)}%`;
      made.append(picture);
      if (item.caption) made.append(captionOf(item.caption));
      if (data.open) {
        Object.assign(made, { type: "button", ariaLabel: item.label, title: item.label, tabIndex: -1 });
        made.dataset.id = item.id;
      } else {
        picture.setAttribute("role", "img");
        picture.setAttribute("aria-label", item.label);
      }
      return made;
    }),
  );
  if (gallery.scrolled) gallery.scrollTop = 0; // asked for without need, it would have the page laid out at once
  gallery.scrolled = false;
}

const columnsOf = (gallery) => getComputedStyle(gallery).gridTemplateColumns.split(" ").length;

// At most so many rows, and no last one with a few pictures.
function fillRows(gallery, items, most) {
  if (!most) return;
  const columns = columnsOf(gallery);
  const rows = Math.max(1, Math.min(most, Math.floor(items.length / columns)));
  items.forEach((item, number) => {
    item.hidden = number >= rows * columns;
  });
}

export default function ({ data, parentElement, setTriggerValue }) {
  const gallery = parentElement.querySelector(".gallery");
  const width = data.stretch ? `minmax(${data.size}px, 1fr)` : `${data.size}px`;
  gallery.style.gridTemplateColumns = data.across
    ? `repeat(${data.across}, minmax(0, 1fr))`
    : `repeat(auto-fill, ${width})`;
  gallery.style.maxHeight = data.height ? `${data.height}px` : "";
  gallery.className = ["gallery", data.height && "bounded", data.transparent && "transparent"]
    .filter(Boolean)
    .join(" ");
  gallery.setAttribute("role", "group");
  gallery.setAttribute("aria-label", data.label);
  const signature = JSON.stringify([data.sheet, data.items, data.columns, data.open]);
  if (gallery.signature !== signature) {
    gallery.signature = signature;
    draw(gallery, data);
  }
  const items = [...gallery.children];
  gallery.fill = () => fillRows(gallery, items, data.rows);
  gallery.fill();
  if (!gallery.observer) {
    gallery.observer = new ResizeObserver(() => gallery.fill());
    gallery.observer.observe(gallery);
  }
  const current = items.find((item) => item.dataset.id === String(data.current));
  items.forEach((item) => data.open && item.setAttribute("aria-current", String(item === current)));
  const first = current ?? items[0];
  if (data.open && first && !items.some((item) => item.tabIndex === 0)) first.tabIndex = 0;
  if (current && gallery.current !== data.current) {
    if (data.focus) current.scrollIntoView({ block: "nearest" });
    else if (data.height) show(current, gallery);
    if (data.focus) current.focus({ preventScroll: true });
  }
  gallery.current = data.current;
  gallery.onscroll = () => (gallery.scrolled = true);
  gallery.onclick = (event) => {
    const item = event.target.closest("button.item");
    if (item) setTriggerValue("pick", Number(item.dataset.id));
  };
  gallery.onkeydown = (event) => {
    const columns = columnsOf(gallery);
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    const item = event.target.closest("button.item");
    if (!step || !item) return;
    event.preventDefault();
    const next = items[items.indexOf(item) + step];
    if (!next || next.hidden) return;
    items.forEach((each) => (each.tabIndex = -1));
    next.tabIndex = 0;
    next.focus();
  };
  return () => setTimeout(() => gallery.isConnected || URL.revokeObjectURL(gallery.sheet));
}

// Scrolls the gallery to an item, and never the whole page, as scrollIntoView would.
function show(item, gallery) {
  const [inner, outer] = [item, gallery].map((each) => each.getBoundingClientRect());
  gallery.scrollTop += Math.max(0, inner.bottom - outer.bottom) || Math.min(0, inner.top - outer.top);
}
