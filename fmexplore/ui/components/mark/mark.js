// Hands what is marked to the maps of a group; see scatter.js.
export default function ({ data, parentElement }) {
  const signature = JSON.stringify(data);
  const root = parentElement.querySelector("span");
  if (root.signature === signature) return;
  root.signature = signature;
  const maps = (window.fmexploreMaps ??= { groups: {}, pictures: {} });
  const { group, pictures, ...marks } = data;
  Object.assign((maps.groups[group] ??= { members: new Set() }), marks);
  let waiting = Object.keys(pictures).length;
  Object.entries(pictures).forEach(([id, content]) => {
    const image = (maps.pictures[id] = new Image());
    image.onload = () => --waiting || maps.refresh?.(group);
    image.src = `data:image/png;base64,${content}`;
  });
  maps.refresh?.(group);
}
