// What of the page should be printed, and what should not: read by conftest.py, called in the page.
() => {
  const main = document.querySelector("[data-testid=stMain]");
  const page = document.querySelector(".page-name")?.textContent ?? "Home";
  const roots = [main, ...[...main.querySelectorAll("*")].map((each) => each.shadowRoot).filter(Boolean)];
  const figures =
    "h2, h3, .xtick text, .ytick text, .textpoint text, .board th, .name b, .tick, .runs-table th, .verdicts td, .title";
  const figure = (each) => each.checkVisibility() && !each.getRootNode().host?.closest(".st-key-doors");
  const texts = roots.flatMap((root) => [...root.querySelectorAll(figures)]).filter(figure);
  return {
    wanted: [page, location.href, ...new Set(texts.map((each) => each.textContent.trim()).filter(Boolean))],
    unwanted: ["Copy link", "App pages", "Take the tour"],
  };
};
