// Streamlit adds a step wherever the page it has just been sent is not the one in the address. After two quick steps
// back that is the page between: the address would leap about, and Forward lead nowhere.
export default function () {
  if (window.fmexploreWalks !== undefined) return;
  window.fmexploreWalks = false;
  addEventListener("popstate", () => (window.fmexploreWalks = true));
  for (const press of ["pointerdown", "keydown", "click"])
    addEventListener(press, () => (window.fmexploreWalks = false), true);
  const push = history.pushState;
  history.pushState = function (state, title, url) {
    const other = url && new URL(url, location.href).pathname !== location.pathname;
    if (!(window.fmexploreWalks && other)) push.call(this, state, title, url);
  };
}
