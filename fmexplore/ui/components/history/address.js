// The address is replaced and nothing added to the history: else Back would lead to the page that adds it again.
export default function ({ data }) {
  const url = new URL(location.href);
  if (!url.pathname.endsWith(`/${data.page}`) || url.searchParams.has("run")) return;
  url.searchParams.set("run", data.run);
  history.replaceState(history.state, "", url);
}
