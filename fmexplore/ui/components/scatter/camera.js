// From coordinates of the map to pixels of the board and back: moved, zoomed and, in three dimensions, turned.
const MARGIN = 12;

export class Camera {
  x = 0;
  y = 0;
  zoom = 1;
  turn = 0.6;
  tilt = 0.35;
  width = 0;
  height = 0;

  fit({ centre, radius }) {
    Object.assign(this, { centre, radius });
  }

  showAll() {
    Object.assign(this, { x: 0, y: 0, zoom: 1 });
  }

  get flat() {
    return this.centre.length < 3;
  }

  get scale() {
    return ((Math.min(this.width, this.height) / 2 - MARGIN) / this.radius) * this.zoom;
  }

  get origin() {
    return [this.width / 2 + this.x, this.height / 2 + this.y];
  }

  // Writes the pixels of all points into `px` and `py`.
  project([xs, ys, zs], px, py) {
    const { scale, turn, tilt } = this;
    const [left, top] = this.origin;
    const [cx, cy, cz] = this.centre;
    if (zs) {
      const [ct, st, cp, sp] = [Math.cos(turn), Math.sin(turn), Math.cos(tilt), Math.sin(tilt)];
      for (let i = 0; i < px.length; i++) {
        const [x, y, z] = [xs[i] - cx, ys[i] - cy, zs[i] - cz];
        const depth = st * x + ct * z;
        px[i] = left + (ct * x - st * z) * scale;
        py[i] = top - (cp * y - sp * depth) * scale;
      }
    } else {
      for (let i = 0; i < px.length; i++) {
        px[i] = left + (xs[i] - cx) * scale;
        py[i] = top - (ys[i] - cy) * scale;
      }
    }
  }

  // In two dimensions only.
  toPixels([x, y]) {
    const [left, top] = this.origin;
    return [left + (x - this.centre[0]) * this.scale, top - (y - this.centre[1]) * this.scale];
  }

  toCoordinates([x, y]) {
    const [left, top] = this.origin;
    return [this.centre[0] + (x - left) / this.scale, this.centre[1] - (y - top) / this.scale];
  }

  // What lies under the pixel stays there.
  zoomBy(factor, x = this.width / 2, y = this.height / 2) {
    const zoom = Math.max(0.5, Math.min(200, this.zoom * factor));
    const real = zoom / this.zoom;
    this.x = (this.x - x + this.width / 2) * real + x - this.width / 2;
    this.y = (this.y - y + this.height / 2) * real + y - this.height / 2;
    this.zoom = zoom;
  }
}
