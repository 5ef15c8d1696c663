// Finds the terms of the glossary in what a page shows. One place of each gets a dotted line and, on hover or tap, a
// card with its two sentences; all are listed at the end of the page. The line is a custom highlight, so that React's
// elements stay as they are.
const HIGHLIGHT = "fmexplore-term";
const DWELL = 125; // ms over a word before its card shows
const PAUSE = 250; // ms after a change before the page is read again
const PARTS = "[data-testid=stMain], [data-testid=stPopoverBody], [role=dialog]";
const UNREAD = "style, script, template, code, pre, textarea, svg, .page-name";
// Read, but not marked: they have an action of their own, or are no text on the screen.
const CONTROLS = "a, button, canvas, [role=button], [role=radio], [role=option]";
// Where a term is best explained, then a text; last the titles, which are to be read at one glance.
const LABELS = "label, th, [data-testid=stWidgetLabel], [data-testid=stMetricLabel]";
const TITLES = "h1, h2, h3";
const CHANGES = { subtree: true, childList: true, characterData: true };

const sheet = new CSSStyleSheet();
sheet.replaceSync(`::highlight(${HIGHLIGHT}) {
  text-decoration: underline dotted 1px color-mix(in srgb, currentColor 65%, transparent);
  text-underline-offset: 3px;
}`);

// What a control says that shows one of several texts, without being one.
function chosen(element) {
  if (element.matches("select")) return element.selectedOptions[0]?.text;
  return element.matches("input[role=combobox]") ? element.value : "";
}

class Terms {
  constructor(root) {
    this.root = root;
    this.host = root.getRootNode().host;
    this.tip = root.querySelector(".meaning");
    const template = root.querySelector("template");
    this.entries = [...template.content.children];
    this.means = new Map(this.entries.flatMap((entry) => entry.dataset.words.split("|").map((word) => [word, entry])));
    this.pattern = new RegExp(template.dataset.pattern, "g");
    this.marks = new Map(); // of an entry: the range of its marked place
    this.places = new Map(); // of an element: the entries marked in it
    this.canMark = "highlights" in CSS && "popover" in this.tip;
    this.stopping = new AbortController();
    this.observer = new MutationObserver(() => this.changed());
    this.observer.observe(document.body, CHANGES);
    if (this.canMark) this.listen();
    this.changed();
  }

  stop() {
    this.observer.disconnect();
    this.stopping.abort();
    this.hide();
    clearTimeout(this.waiting);
    if (this.canMark) CSS.highlights.delete(HIGHLIGHT);
  }

  // --- reading ---

  changed() {
    this.waiting ??= setTimeout(() => {
      this.waiting = null;
      if (this.root.isConnected) this.look();
      else this.stop();
    }, PAUSE);
  }

  *terms(text) {
    for (const match of text.matchAll(this.pattern)) {
      const word = match[0];
      const entry = this.means.get(word) ?? this.means.get(word[0].toLowerCase() + word.slice(1));
      yield { entry, start: match.index, end: match.index + word.length };
    }
  }

  look() {
    const found = new Set();
    const marks = new Map();
    for (const part of document.querySelectorAll(PARTS)) this.walk(part, found, marks);
    this.list(found);
    if (this.canMark) this.mark(marks);
  }

  walk(top, found, marks) {
    const accept = (node) =>
      node !== this.host && (node.nodeType === Node.TEXT_NODE || !node.matches(UNREAD))
        ? NodeFilter.FILTER_ACCEPT
        : NodeFilter.FILTER_REJECT;
    const walker = document.createTreeWalker(top, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT, accept);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node.nodeType === Node.TEXT_NODE) this.take(node, found, marks);
      else if (node.shadowRoot) this.enter(node.shadowRoot, found, marks);
      else for (const { entry } of this.terms(chosen(node) || "")) found.add(entry);
    }
  }

  enter(shadow, found, marks) {
    this.observer.observe(shadow, CHANGES);
    if (!shadow.adoptedStyleSheets.includes(sheet)) shadow.adoptedStyleSheets.push(sheet);
    this.walk(shadow, found, marks);
  }

  take(node, found, marks) {
    const parent = node.parentElement;
    for (const place of this.terms(node.data)) {
      if (parent.closest(CONTROLS)) {
        found.add(place.entry);
        continue;
      }
      const rank = parent.closest(LABELS) ? 0 : parent.closest(TITLES) ? 2 : 1;
      if (marks.get(place.entry)?.rank <= rank || !parent.checkVisibility()) continue;
      found.add(place.entry);
      marks.set(place.entry, { ...place, node, rank });
    }
  }

  list(found) {
    const listed = this.entries.filter((entry) => found.has(entry));
    const names = listed.map((entry) => entry.dataset.words).join();
    if (this.listed === names) return;
    this.listed = names;
    const details = this.root.querySelector("details");
    details.hidden = !listed.length;
    details.querySelector("summary").textContent = `Terms on this page (${listed.length})`;
    details.querySelector("dl").replaceChildren(...listed.map((entry) => entry.cloneNode(true)));
  }

  mark(places) {
    const same = ({ node, start, end }, range) =>
      range?.startContainer === node && range.startOffset === start && range.toString().length === end - start;
    const marks = new Map();
    for (const [entry, place] of places) {
      let range = this.marks.get(entry);
      if (!same(place, range)) {
        range = new Range();
        range.setStart(place.node, place.start);
        range.setEnd(place.node, place.end);
      }
      marks.set(entry, range);
    }
    const before = [...this.marks.values()];
    const after = [...marks.values()];
    this.marks = marks;
    if (this.shown && !marks.has(this.shown)) this.hide();
    if (after.length === before.length && after.every((range, place) => range === before[place])) return;
    this.places.clear();
    for (const [entry, range] of marks) {
      const element = range.startContainer.parentElement;
      this.places.set(element, [...(this.places.get(element) ?? []), entry]);
    }
    CSS.highlights.set(HIGHLIGHT, new Highlight(...after));
  }

  // --- the card ---

  listen() {
    if (!document.adoptedStyleSheets.includes(sheet)) document.adoptedStyleSheets.push(sheet);
    const on = (type, act) =>
      window.addEventListener(type, act, { capture: true, passive: true, signal: this.stopping.signal });
    on("pointermove", (event) => event.pointerType !== "touch" && this.point(event));
    on("pointerdown", () => this.hide());
    on("click", (event) => event.pointerType === "touch" && this.show(this.at(event)));
    on("scroll", () => {
      this.hide();
      this.meant = null; // another word may be under the pointer now
    });
    on("keydown", (event) => {
      if (event.key !== "Escape" || !this.shown) return;
      event.stopPropagation(); // one Esc closes one thing
      this.hide();
    });
    document.documentElement.addEventListener("pointerleave", () => this.hide(), { signal: this.stopping.signal });
  }

  // The entry whose marked word is under the pointer, and where that word is.
  at(event) {
    for (const entry of this.places.get(event.composedPath()[0]) ?? [])
      for (const box of this.marks.get(entry).getClientRects()) if (inside(box, event)) return { entry, box };
    return {};
  }

  point(event) {
    const { entry, box } = this.at(event);
    if (entry === this.meant || (this.shown && inside(this.zone, event))) return;
    clearTimeout(this.dwell);
    this.meant = entry;
    if (!entry) this.hide();
    else this.dwell = setTimeout(() => this.show({ entry, box }), DWELL);
  }

  show({ entry, box }) {
    if (!entry) return;
    const [name, meaning] = entry.children;
    const title = document.createElement("b");
    title.textContent = name.textContent;
    this.tip.replaceChildren(title, meaning.textContent);
    this.tip.showPopover();
    const { offsetWidth: width, offsetHeight: height } = this.tip;
    const left = Math.max(8, Math.min(box.left, document.documentElement.clientWidth - width - 8));
    const top = box.top - height - 6 >= 8 ? box.top - height - 6 : box.bottom + 6;
    Object.assign(this.tip.style, { left: `${left}px`, top: `${top}px` });
    this.shown = this.meant = entry;
    // The card stays while the pointer is on it, or on its way there.
    this.zone = { left, top: top - 6, right: left + width, bottom: top + height + 6 };
  }

  hide() {
    clearTimeout(this.dwell);
    if (this.shown) this.tip.hidePopover();
    this.shown = null;
  }
}

function inside(box, { clientX: x, clientY: y }) {
  return x >= box.left && x <= box.right && y >= box.top && y <= box.bottom;
}

export default function ({ parentElement }) {
  if (window.fmexploreTerms?.root === parentElement) return;
  window.fmexploreTerms?.stop();
  window.fmexploreTerms = new Terms(parentElement);
}
