// Hands what is marked, and pictures that were asked for, to the maps of a group.

import { groupOf, refresh, shared } from "./shared.js";

export default function ({ data, parentElement }) {
  const signature = JSON.stringify(data);
  const root = parentElement.querySelector("span");
  if (root.signature === signature) return;
  root.signature = signature;
  const { group, pictures, ...marks } = data;
  Object.assign(groupOf(group), marks);
  let waiting = Object.keys(pictures).length;
  for (const [id, content] of Object.entries(pictures)) {
    const image = new Image();
    image.onload = () => --waiting || refresh(group);
    image.src = `data:image/png;base64,${content}`;
    shared.pictures[id] = image;
  }
  refresh(group);
}
