// Which point the pointer means: the points on the screen, sorted into the cells of a grid.
const REACH = 9; // pixels around a point in which it is meant
const CELL = 24;

const keyOf = (column, row) => column * 65536 + row;

export class Picker {
  constructor(px, py, shown) {
    Object.assign(this, { px, py, cells: new Map() });
    for (let i = 0; i < px.length; i++) {
      if (!shown(i)) continue;
      const key = keyOf(Math.floor(px[i] / CELL), Math.floor(py[i] / CELL));
      const members = this.cells.get(key);
      if (members) members.push(i);
      else this.cells.set(key, [i]);
    }
  }

  // The index of the nearest point within reach, else -1.
  nearest(x, y) {
    let [best, least] = [-1, REACH * REACH];
    const [column, row] = [Math.floor(x / CELL), Math.floor(y / CELL)];
    for (let a = column - 1; a <= column + 1; a++) {
      for (let b = row - 1; b <= row + 1; b++) {
        for (const i of this.cells.get(keyOf(a, b)) ?? []) {
          const distance = (this.px[i] - x) ** 2 + (this.py[i] - y) ** 2;
          if (distance < least) [best, least] = [i, distance];
        }
      }
    }
    return best;
  }
}
