// The switch is kept by the browser, for all tabs. A notice with the same tag takes the place of another tab's.
const KEPT = "fmexplore_desktop_notice";

// Why there can be none, in words; empty where there can.
function problem() {
  if (!window.isSecureContext) return "Browsers allow notices only at https addresses and on localhost.";
  if (!("Notification" in window)) return "This browser has no notices.";
  if (Notification.permission === "denied") return "Notices of this page are blocked: allow them in the browser.";
  return "";
}

function wanted() {
  return localStorage.getItem(KEPT) === "on" && !problem() && Notification.permission === "granted";
}

export default function ({ data, parentElement }) {
  const [box, output] = parentElement.querySelectorAll("input, output");
  const paint = () => {
    box.checked = wanted();
    box.disabled = !!problem();
    output.textContent = problem();
  };
  box.onchange = async () => {
    localStorage.setItem(KEPT, box.checked ? "on" : "off");
    if (box.checked && Notification.permission !== "granted") await Notification.requestPermission();
    paint();
  };
  paint();
  window.fmexploreEnded ??= new Set();
  if (!data.ended || window.fmexploreEnded.has(data.ended.id)) return;
  window.fmexploreEnded.add(data.ended.id);
  if (wanted()) new Notification("fmexplore", { body: data.ended.text, tag: data.ended.id });
}
