import { copy } from "../clipboard.js";

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

export default function ({ data, parentElement }) {
  const [button, output] = parentElement.querySelectorAll("button, output");
  button.onclick = () => {
    const url = new URL(location.href);
    url.searchParams.delete("tour");
    url.searchParams.delete("look");
    const look = new URLSearchParams({ ...data, ...mapLook() }).toString();
    if (look) url.searchParams.set("look", look);
    return copy(url.href, output, "The link");
  };
}
