// What of a page does not fit its window: read by conftest.py, called in the page.
// Answers sentences; also what lies in the shadow trees of components is looked at.
() => {
  const SMALLEST = {
    // the least width in pixels at which a figure still tells what it tells
    ".js-plotly-plot": 240,
    ".dumbbell .track": 120,
    ".board td:has(button)": 22,
    ".scatter .board": 250,
    ".gallery .picture": 28,
    ".strip figure": 84,
    "[data-testid=stDataFrame]": 240,
  };
  const ONE_WORD = 5; // lines in which there is hardly more than one word each
  const main = document.querySelector("[data-testid=stMain]");
  const found = [];
  const inside = (one, other) => one.contains(other) || other.contains(one);
  const box = (element) => element.getBoundingClientRect();
  const seen = ({ width, height }) => width > 1 && height > 1;
  const covers = (one, other, by = 2) =>
    Math.min(one.right, other.right) - Math.max(one.left, other.left) > by &&
    Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > by;
  const say = (element) => (element.textContent || element.ariaLabel || element.className).trim().slice(0, 40);

  for (const part of [document.scrollingElement, main]) {
    const wide = part.scrollWidth - part.clientWidth;
    if (wide > 0) found.push(`scrolls sideways by ${wide} pixels`);
  }

  const roots = [main, ...[...main.querySelectorAll("*")].map((each) => each.shadowRoot).filter(Boolean)];
  for (const root of roots) {
    for (const [selector, least] of Object.entries(SMALLEST)) {
      for (const element of root.querySelectorAll(selector)) {
        const { width } = box(element);
        if (width > 0 && width < least) found.push(`${selector} is ${Math.round(width)} pixels wide`);
      }
    }
  }

  // Elements of the page lie beside or below each other.
  const elements = [...main.querySelectorAll("[data-testid=stElementContainer]")].filter(
    (each) => seen(box(each)) && each.checkVisibility() && getComputedStyle(each).position !== "absolute",
  );
  const boxes = elements.map(box);
  elements.forEach((one, at) => {
    for (let other = at + 1; other < elements.length; other++) {
      if (covers(boxes[at], boxes[other]) && !inside(one, elements[other])) {
        found.push(`"${say(one)}" lies over "${say(elements[other])}"`);
      }
    }
  });

  // Names in a chart are within it, and none lies over another.
  for (const chart of main.querySelectorAll("[data-testid=stPlotlyChart]")) {
    if (!chart.querySelector(".xtick text")) {
      found.push("a chart is not drawn");
      continue;
    }
    const frame = box(chart);
    const texts = [...chart.querySelectorAll(".main-svg text")].filter((text) => text.textContent && seen(box(text)));
    const places = texts.map(box);
    texts.forEach((text, at) => {
      const { left, right, top, bottom } = places[at];
      if (left < frame.left - 1 || right > frame.right + 1 || top < frame.top - 1 || bottom > frame.bottom + 1) {
        found.push(`${text.textContent} is cut off`);
      }
      for (let other = at + 1; other < texts.length; other++) {
        if (covers(places[at], places[other])) {
          found.push(`"${text.textContent}" lies over "${texts[other].textContent}" in a chart`);
        }
      }
    });
  }

  // Texts: not one over another in a component, not a word a line, not cut off without a sign.
  for (const root of roots) {
    const leaves = [...root.querySelectorAll("*")].filter(
      (each) =>
        !each.closest("svg, canvas, style, script, [aria-hidden=true], .page-name, [hidden]") &&
        [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim()) &&
        seen(box(each)) &&
        each.checkVisibility(),
    );
    const places = leaves.map((leaf) => {
      const range = document.createRange();
      range.selectNodeContents(leaf);
      return range.getBoundingClientRect();
    });
    leaves.forEach((leaf, at) => {
      const style = getComputedStyle(leaf);
      const words = leaf.textContent.trim().split(/\s+/).length;
      const lines =
        places[at].height / (Number.parseFloat(style.lineHeight) || 1.3 * Number.parseFloat(style.fontSize));
      const narrow = lines > words + 0.5 || (lines >= ONE_WORD && words / lines < 1.3);
      if (lines > 1.8 && narrow && style.writingMode === "horizontal-tb") {
        found.push(`"${say(leaf)}" is a column of one word`);
      }
      const clipped = style.overflowX !== "visible" && leaf.scrollWidth > leaf.clientWidth + 1;
      if (clipped && style.overflowX !== "auto" && style.overflowX !== "scroll" && style.textOverflow !== "ellipsis") {
        if (leaf.tagName !== "TEXTAREA" && leaf.tagName !== "INPUT") found.push(`"${say(leaf)}" is cut off`);
      }
      if (root === main) return;
      for (let other = at + 1; other < leaves.length; other++) {
        if (covers(places[at], places[other]) && !inside(leaf, leaves[other])) {
          found.push(`"${say(leaf)}" lies over "${say(leaves[other])}"`);
        }
      }
    });
  }
  return [...new Set(found)].slice(0, 12);
};
