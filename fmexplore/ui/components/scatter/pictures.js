// The pictures of the images: tiles of sheets of 50 x 50 or, where sheets cannot be kept, asked for one by one.

import { shared } from "./shared.js";

export const SIDE = 28;
const TILES = 50;
const DELAY = 125; // before a single picture is asked for: the pointer may only pass by

export class Pictures {
  constructor(ask) {
    this.ask = ask;
  }

  // Draws the picture; false while it is on its way, and `arrived` is called then.
  draw(pen, id, x, y, side, arrived) {
    const known = shared.pictures[id];
    if (known) {
      if (!known.complete) return false;
      pen.drawImage(known, x, y, side, side);
      return true;
    }
    if (!this.sheets) {
      this.request(id, arrived);
      return false;
    }
    const sheet = this.sheet(Math.floor(id / TILES ** 2));
    if (!sheet.complete || !sheet.naturalWidth) {
      if (!sheet.waiting.includes(arrived)) sheet.waiting.push(arrived);
      return false;
    }
    const tile = id % TILES ** 2;
    pen.drawImage(sheet, (tile % TILES) * SIDE, Math.floor(tile / TILES) * SIDE, SIDE, SIDE, x, y, side, side);
    return true;
  }

  sheet(number) {
    const key = `sheet${number}`;
    if (!shared.pictures[key]) {
      const image = new Image();
      image.waiting = [];
      image.onload = () => {
        for (const arrived of image.waiting.splice(0)) arrived();
      };
      image.src = `${this.sheets}${String(number).padStart(2, "0")}.png`;
      shared.pictures[key] = image;
    }
    return shared.pictures[key];
  }

  request(id, arrived) {
    Object.assign(this, { wanted: id, arrived });
    clearTimeout(this.asking);
    this.asking = setTimeout(() => this.ask(id), DELAY);
  }

  // Single pictures have come: where the one asked for last is among them, it can be drawn.
  refresh() {
    if (this.arrived && shared.pictures[this.wanted]) this.arrived();
  }
}
