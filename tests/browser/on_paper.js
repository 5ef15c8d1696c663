// What of the page should be printed, and what should not: read by conftest.py, called in the page.
() => {
  const main = document.querySelector("[data-testid=stMain]");
  const head = main.querySelector(".paper-head").dataset;
  const roots = [main, ...[...main.querySelectorAll("*")].map((each) => each.shadowRoot).filter(Boolean)];
  const figures =
    "h2, h3, .xtick text, .ytick text, .textpoint text, .board th, .name b, .tick, .runs-table th, .verdicts td, .title";
  const texts = roots.flatMap((root) => [...root.querySelectorAll(figures)]).filter((each) => each.checkVisibility());
  return {
    wanted: [head.title, head.link, ...new Set(texts.map((each) => each.textContent.trim()).filter(Boolean))],
    unwanted: ["Copy link", "App pages", "Take the tour"],
  };
};
