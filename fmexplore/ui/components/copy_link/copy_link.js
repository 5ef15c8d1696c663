// The map's colours live in the browser only, so they are asked for here.
function mapLook() {
  const { groups = {}, look } = window.fmexploreMaps ?? {};
  const there = Object.values(groups).some((group) => [...group.members].some((map) => map.root.isConnected));
  if (!there) return {};
  const { by, pictures, errors } = look;
  return {
    ...(by !== "label" && { map_colour: by }),
    ...(pictures && { map_pictures: "yes" }),
    ...(errors && { map_errors: "yes" }),
  };
}

async function write(text) {
  try {
    await navigator.clipboard.writeText(text); // there is none in a classroom without https
    return true;
  } catch {
    return false;
  }
}

export default function ({ data, parentElement }) {
  const [button, output] = parentElement.querySelectorAll("button, output");
  button.onclick = async () => {
    const url = new URL(location.href);
    url.searchParams.delete("tour");
    url.searchParams.delete("look");
    const look = new URLSearchParams({ ...data, ...mapLook() }).toString();
    if (look) url.searchParams.set("look", look);
    output.textContent = "Copied";
    if (!(await write(url.href))) {
      const field = Object.assign(document.createElement("input"), {
        value: url.href,
        readOnly: true,
        ariaLabel: "The link",
      });
      output.replaceChildren(field);
      field.select();
      if (document.execCommand("copy")) output.textContent = "Copied";
    }
    if (output.textContent) setTimeout(() => (output.textContent = ""), 4000);
  };
}
