// What tables of buttons share: arrows lead from one button to another, and a value colours its cell.

// `grid` has the buttons by rows, which need not be equally long; null where a place has none.
export function moveFocus(event, grid) {
  const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
  const button = event.target.closest("button");
  const row = grid.findIndex((line) => line.includes(button));
  if (!move || !button || row < 0) return;
  event.preventDefault();
  const line = grid[row + move[0]];
  const next = line?.[Math.min(grid[row].indexOf(button) + move[1], line.length - (move[0] ? 1 : 0))];
  if (!next) return;
  for (const each of grid.flat()) if (each) each.tabIndex = each === next ? 0 : -1;
  next.focus();
}

// Of a colour so many percent, with letters that can be read on it.
export function tint(button, color, share) {
  button.style.background = `color-mix(in srgb, ${color} ${share}%, var(--st-secondary-background-color))`;
  button.style.color = share > 57 ? "#000" : "light-dark(#000, #fff)"; // where black and white are equally readable in the dark
}
