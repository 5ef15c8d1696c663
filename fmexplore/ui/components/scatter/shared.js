// What the maps of a page share, in whatever component they stand: marks and hover by group, pictures by id or sheet,
// and the look that the next map begins with (also read by components/copy_link).
window.fmexploreMaps ??= { groups: {}, pictures: {} };
export const shared = window.fmexploreMaps;

// Maps of one group show each other's hover and the same marks.
export function groupOf(name) {
  shared.groups[name] ??= { members: new Set() };
  return shared.groups[name];
}

export function refresh(name) {
  for (const map of groupOf(name).members) map.refresh();
}
