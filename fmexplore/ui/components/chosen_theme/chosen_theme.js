// Streamlit keeps the theme of its own menu under the path of the page that was loaded, and reads it only when loading.
const PREFIX = "stActiveTheme-";
const VERSION = "-v2";

export default function ({ data }) {
  const loaded = new URL(performance.getEntriesByType("navigation")[0]?.name ?? location.href).pathname;
  const key = `${PREFIX}${loaded}${VERSION}`;
  const wanted = JSON.stringify(data.theme[0].toUpperCase() + data.theme.slice(1));
  const system = '"System"'; // what holds where nothing is kept
  try {
    if ((localStorage.getItem(key) ?? system) === wanted) return;
    for (const other of Object.keys(localStorage)) if (other.startsWith(PREFIX)) localStorage.removeItem(other);
    if (wanted !== system) localStorage.setItem(key, wanted);
  } catch {
    return; // a browser that keeps nothing: the theme stays the system's
  }
  location.reload();
}
