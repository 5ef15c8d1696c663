// Charts and tables are drawn for the window, and printing leaves no time to draw them anew: they are made smaller.
const PAPER = 700; // pixels between the margins of A4 and of Letter
const DRAWN = ["stPlotlyChart", "stEChartsChart", "stDataFrame"].map((name) => `[data-testid=${name}]`).join();

export default function ({ data, parentElement }) {
  const [title, link] = parentElement.querySelectorAll("b, span");
  const prepare = () => {
    title.textContent = data.title;
    link.textContent = location.href;
    for (const drawn of document.querySelectorAll(DRAWN)) {
      const { clientWidth } = drawn;
      drawn.style.setProperty("--on-paper", Math.min(1, PAPER / clientWidth));
      drawn.dataset.room = clientWidth > 970 ? "desk" : clientWidth > 630 ? "tablet" : "phone"; // see networks_ in frame.css
    }
  };
  prepare();
  addEventListener("beforeprint", prepare);
  return () => removeEventListener("beforeprint", prepare);
}
