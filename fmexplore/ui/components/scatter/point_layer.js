// The lower canvas: up to 70,000 points as marks, or pictures in their places.

import { element } from "../element.js";

const MANY = 20000; // above it marks are squares, below it shapes by group
const FAINT = 0.13; // what is not selected, while something is
const EDGE = 20; // pixels around the board within which a point is drawn too
const SHAPES = [
  (pen, centre, r) => pen.arc(centre, centre, r, 0, 7),
  (pen, centre, r) => pen.rect(centre - 0.85 * r, centre - 0.85 * r, 1.7 * r, 1.7 * r),
  (pen, centre, r) =>
    outline(pen, centre, r, [
      [0, -1.15],
      [1.1, 0.85],
      [-1.1, 0.85],
    ]),
  (pen, centre, r) =>
    outline(pen, centre, r, [
      [0, -1.25],
      [1.25, 0],
      [0, 1.25],
      [-1.25, 0],
    ]),
];

function outline(pen, centre, r, corners) {
  for (const [x, y] of corners) pen.lineTo(centre + x * r, centre + y * r);
}

export class PointLayer {
  constructor(canvas, pictures) {
    Object.assign(this, { canvas, pictures, sprites: new Map() });
  }

  // Draws the points that are shown, those outside `selected` faintly; how many that were.
  paint(scene, selected, withPictures) {
    const { images, camera, px, py, shown } = scene;
    const { width, height, zoom } = camera;
    const pen = this.canvas.getContext("2d");
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const visible = [];
    for (let i = 0; i < images.count; i++) {
      const [x, y] = [px[i], py[i]];
      if (x > -EDGE && y > -EDGE && x < width + EDGE && y < height + EDGE && shown(i)) visible.push(i);
    }
    const many = visible.length > MANY;
    const size = Math.max(2, Math.min(9, (many ? 2 : images.count > 4000 ? 3.5 : 5) * Math.sqrt(zoom)));
    const [front, back] = [[], []];
    for (const i of visible) (!selected.size || selected.has(images.ids[i]) ? front : back).push(i);
    const paintMarks = many ? this.paintSquares : this.paintShapes;
    pen.globalAlpha = FAINT;
    paintMarks.call(this, pen, scene, back, size);
    pen.globalAlpha = many ? 0.75 : 0.85;
    if (withPictures) this.paintPictures(pen, scene, front);
    else paintMarks.call(this, pen, scene, front, size);
    pen.globalAlpha = 1;
    return visible.length;
  }

  paintShapes(pen, { images, px, py, ratio, colour }, numbers, size) {
    for (const i of numbers) {
      const mark = this.sprite(colour(i), images.shapes[images.label[i]], size, ratio);
      pen.drawImage(mark, px[i] * ratio - mark.width / 2, py[i] * ratio - mark.height / 2);
    }
  }

  paintSquares(pen, { px, py, ratio, colour }, numbers, size) {
    const groups = new Map();
    for (const i of numbers) {
      const fill = colour(i);
      const members = groups.get(fill);
      if (members) members.push(i);
      else groups.set(fill, [i]);
    }
    const [side, half] = [size * ratio, (size * ratio) / 2];
    for (const [fill, members] of groups) {
      pen.fillStyle = fill;
      for (const i of members) pen.fillRect(px[i] * ratio - half, py[i] * ratio - half, side, side);
    }
  }

  // Where they would hide each other, one stands for all in its place; nearer, more are seen.
  paintPictures(pen, { images, camera, px, py, ratio, colour, repaint }, numbers) {
    const side = Math.max(14, Math.min(56, 14 * Math.sqrt(camera.zoom)));
    const wide = side * ratio;
    const taken = new Set();
    pen.globalAlpha = 1;
    pen.imageSmoothingEnabled = false;
    for (const i of numbers) {
      const cell = Math.floor(px[i] / side) * 65536 + Math.floor(py[i] / side);
      if (taken.has(cell)) continue;
      taken.add(cell);
      const [x, y] = [(px[i] - side / 2) * ratio, (py[i] - side / 2) * ratio];
      if (!this.pictures.draw(pen, images.ids[i], x, y, wide, repaint)) {
        pen.fillStyle = colour(i);
        pen.fillRect(x + wide / 4, y + wide / 4, wide / 2, wide / 2);
      }
      pen.strokeStyle = colour(i);
      pen.lineWidth = 1.5 * ratio;
      pen.strokeRect(x, y, wide, wide);
    }
  }

  sprite(fill, shape, size, ratio) {
    const key = `${fill}${shape}${size}${ratio}`;
    if (!this.sprites.has(key)) {
      const side = Math.ceil((size + 2) * ratio);
      const made = element("canvas", { width: side, height: side });
      const pen = made.getContext("2d");
      pen.fillStyle = fill;
      pen.beginPath();
      SHAPES[shape](pen, side / 2, (size / 2) * ratio);
      pen.fill();
      this.sprites.set(key, made);
    }
    return this.sprites.get(key);
  }
}
