// What people do on the board of a map: with a mouse, with fingers, with the keyboard.
const DWELL = 125; // milliseconds on a point until it is shown
const DRAG = 3; // pixels from which on a press is no click
const TURN = 0.008; // radians for each pixel
const STEPS = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };

const distanceOf = ([ax, ay], [bx, by]) => Math.hypot(ax - bx, ay - by);

export class Pointer {
  constructor(canvas, map) {
    Object.assign(this, { canvas, map, fingers: new Map(), start: null, spread: null });
    canvas.onwheel = (event) => {
      event.preventDefault();
      map.zoomBy(Math.exp(-event.deltaY * 0.0015), ...this.at(event));
    };
    canvas.onpointerdown = (event) => this.press(event);
    canvas.onpointermove = (event) => this.move(event);
    canvas.onpointerup = (event) => this.release(event);
    canvas.onpointercancel = (event) => this.release(event);
    canvas.onpointerleave = () => {
      clearTimeout(this.dwelling);
      if (!this.start) map.hover(-1);
    };
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  press(event) {
    const { map, fingers } = this;
    const { x, y, turn, tilt } = map.camera;
    const at = this.at(event);
    this.canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, at);
    this.start = { at, x, y, turn, tilt, moved: false };
    if (map.state.mode !== "move" && fingers.size === 1) map.path = [at];
    map.hover(-1);
  }

  move(event) {
    const at = this.at(event);
    if (this.fingers.has(event.pointerId)) this.fingers.set(event.pointerId, at);
    if (this.fingers.size === 2) this.pinch();
    else if (this.start) this.drag(at, event.shiftKey);
    else this.point(at);
  }

  pinch() {
    const { map } = this;
    const [a, b] = [...this.fingers.values()];
    const spread = distanceOf(a, b);
    if (this.spread) map.zoomBy(spread / this.spread, (a[0] + b[0]) / 2, (a[1] + b[1]) / 2);
    this.spread = spread;
    map.path = null;
    if (this.start) this.start.moved = true;
  }

  point(at) {
    const { map } = this;
    clearTimeout(this.dwelling);
    const i = map.nearest(...at);
    if (i < 0) map.hover(-1);
    else this.dwelling = setTimeout(() => map.hover(i), DWELL);
  }

  drag(at, shift) {
    const { map, start } = this;
    const { camera, path } = map;
    const [dx, dy] = [at[0] - start.at[0], at[1] - start.at[1]];
    if (distanceOf(at, start.at) > DRAG) start.moved = true;
    if (!start.moved) return;
    if (path) {
      if (map.state.mode === "box") map.path = [start.at, [at[0], start.at[1]], at, [start.at[0], at[1]]];
      else if (distanceOf(at, path.at(-1)) > DRAG) path.push(at);
      map.paintOverlay();
      return;
    }
    if (camera.flat || shift) {
      Object.assign(camera, { x: start.x + dx, y: start.y + dy });
    } else {
      camera.turn = start.turn + dx * TURN;
      camera.tilt = Math.max(-1.5, Math.min(1.5, start.tilt + dy * TURN));
    }
    map.place();
  }

  release(event) {
    const { map, start } = this;
    const { path } = map;
    this.fingers.delete(event.pointerId);
    this.spread = null;
    if (!start || this.fingers.size) return;
    this.start = null;
    map.path = null;
    if (event.type !== "pointercancel") {
      if (start.moved && path?.length > 2) {
        map.select(path);
        return;
      }
      if (!start.moved) map.pick(this.at(event));
    }
    map.paintOverlay();
  }
}

export function listenToKeys(board, map) {
  const keys = {
    "+": () => map.zoomBy(1.3),
    "=": () => map.zoomBy(1.3),
    "-": () => map.zoomBy(1 / 1.3),
    0: () => map.showAll(),
    Escape: () => map.forgetSelection(),
  };
  for (const [key, [x, y]] of Object.entries(STEPS)) keys[key] = () => map.moveBy(x, y);
  board.onkeydown = (event) => {
    if (!Object.hasOwn(keys, event.key)) return;
    keys[event.key]();
    event.preventDefault();
  };
}
