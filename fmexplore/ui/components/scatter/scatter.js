// A map of up to 70,000 images on a canvas: zoom, move, lasso, box, pictures, colours, a legend that filters, 3-D.
// Positions arrive as bytes; what is marked comes through `shared`, from the component `mark`.

import { Camera } from "./camera.js";
import { BY, colourBy } from "./colours.js";
import { listenToKeys, Pointer } from "./gestures.js";
import { extent, moveTo, unpack } from "./images.js";
import { drawLegend } from "./legend.js";
import { paintOverlay } from "./overlay.js";
import { Picker } from "./picker.js";
import { Pictures } from "./pictures.js";
import { PointLayer } from "./point_layer.js";
import { Replay } from "./replay.js";
import { groupOf, shared } from "./shared.js";
import { Tip } from "./tip.js";
import { Toolbar } from "./toolbar.js";

const MOST_CORNERS = 60; // of a lasso that is sent

// What a copied link says; see components/copy_link.
function linkedLook() {
  const look = new URLSearchParams(new URLSearchParams(location.search).get("look") ?? "");
  const by = look.get("map_colour");
  return { by: by in BY ? by : "label", errors: look.has("map_errors"), pictures: look.has("map_pictures") };
}

class ScatterMap {
  constructor(root) {
    this.root = root;
    [this.board, this.canvas, this.over, this.legend] = [".board", ".points", ".over", ".legend"].map((part) =>
      root.querySelector(part),
    );
    shared.look ??= linkedLook();
    this.state = { ...shared.look, mode: "move", turning: false };
    this.hidden = new Set();
    this.path = null; // of a lasso or box while it is drawn
    this.camera = new Camera();
    this.pictures = new Pictures((id) => this.send("want", id));
    this.points = new PointLayer(this.canvas, this.pictures);
    this.tip = new Tip(root.querySelector(".tip"), this.pictures);
    this.replay = new Replay(root.querySelector(".time"), this);
    this.toolbar = new Toolbar(root.querySelector(".bar"), this);
    this.pointer = new Pointer(this.over, this);
    listenToKeys(this.board, this);
    new ResizeObserver(() => this.resize()).observe(this.board);
  }

  load(bytes) {
    const before = this.images?.name;
    this.images = unpack(bytes);
    const { name, count, frames, sheets } = this.images;
    this.camera.fit(extent(this.images));
    if (before !== name) {
      this.camera.showAll();
      this.moment = frames.length - 1;
    }
    this.setMoment(Math.min(this.moment, frames.length - 1));
    this.pictures.sheets = sheets;
    this.replay.draw();
    Object.assign(this.root.dataset, { count, name });
    this.restyle();
    this.resize();
  }

  get group() {
    return groupOf(this.images?.group);
  }

  shown = (i) => {
    const { label, predicted } = this.images;
    return !(this.hidden.has(label[i]) || (this.state.errors && predicted[i] === label[i]));
  };

  // --- drawing: each step includes those below it --------------------------------------------------------------------

  resize() {
    const { width, height } = this.board.getBoundingClientRect();
    if (!width || !this.images) return;
    this.ratio = Math.min(window.devicePixelRatio || 1, 2);
    Object.assign(this.camera, { width, height });
    for (const canvas of [this.canvas, this.over]) {
      canvas.width = Math.round(width * this.ratio);
      canvas.height = Math.round(height * this.ratio);
    }
    this.place();
  }

  place() {
    if (!this.images || !this.camera.width) return;
    const { axes, count } = this.images;
    if (this.px?.length !== count) [this.px, this.py] = [new Float32Array(count), new Float32Array(count)];
    this.camera.project(axes, this.px, this.py);
    this.picker = null;
    this.paint();
  }

  paint() {
    if (!this.images || !this.camera.width) return;
    this.root.dataset.drawn = this.points.paint(this, new Set(this.group.selected), this.state.pictures);
    this.paintOverlay();
  }

  // At most once for each frame of the screen: pictures arrive many at a time.
  repaint = () => {
    this.due ??= requestAnimationFrame(() => {
      this.due = null;
      this.paint();
    });
  };

  paintOverlay() {
    if (!this.images || !this.camera.width) return;
    paintOverlay(this.over, this, this.group, this.path ?? this.selectedOutline());
  }

  // The outline of the selection in the link, which belongs to one map only.
  selectedOutline() {
    const { polygon, owner } = this.group;
    if (!polygon || owner !== this.images.name || !this.camera.flat) return null;
    return polygon.map((point) => this.camera.toPixels(point));
  }

  restyle() {
    const { images, state, camera } = this;
    this.colour = colourBy(state.by, images, new Set(this.group.marked));
    const selecting = camera.flat && images.lasso;
    this.toolbar.offer({ turning: !camera.flat, selecting, pictures: Boolean(images.sheets) }); // one by one is too slow
    if (!selecting) this.setMode("move");
    drawLegend(this.legend, images, state.by, this.hidden, (hidden) => {
      this.hidden = hidden;
      this.set({});
    });
  }

  refresh() {
    this.pictures.refresh();
    this.restyle();
    this.paint();
  }

  // --- what people do ------------------------------------------------------------------------------------------------

  setMode(mode) {
    this.state.mode = mode;
    this.board.dataset.mode = mode;
    this.toolbar.drawMode();
  }

  set(changes) {
    Object.assign(this.state, changes);
    const { by, errors, pictures } = this.state;
    shared.look = { by, errors, pictures }; // the next map, with other settings, is looked at in the same way
    this.restyle();
    this.picker = null;
    this.paint();
    if ("turning" in changes) this.spin();
  }

  spin() {
    cancelAnimationFrame(this.spinning);
    if (!this.state.turning || !this.root.isConnected) return;
    this.camera.turn += 0.008;
    this.place();
    this.spinning = requestAnimationFrame(() => this.spin());
  }

  setMoment(moment) {
    this.moment = moment;
    moveTo(this.images, moment);
    this.root.dataset.moment = moment;
  }

  goTo(moment) {
    this.setMoment(moment);
    this.place();
  }

  showAll() {
    this.camera.showAll();
    this.place();
  }

  zoomBy(factor, x, y) {
    this.camera.zoomBy(factor, x, y);
    this.place();
  }

  // With the keyboard, which turns what has three dimensions.
  moveBy(x, y) {
    const { camera } = this;
    if (camera.flat) Object.assign(camera, { x: camera.x + x, y: camera.y + y });
    else Object.assign(camera, { turn: camera.turn - x / 200, tilt: camera.tilt - y / 200 });
    this.place();
  }

  nearest(x, y) {
    if (!this.images) return -1;
    this.picker ??= new Picker(this.px, this.py, this.shown);
    return this.picker.nearest(x, y);
  }

  hover(i) {
    const { group } = this;
    const id = i < 0 ? null : this.images.ids[i];
    if (group.hover !== id) {
      group.hover = id;
      for (const map of group.members) map.paintOverlay();
    }
    if (i < 0) this.tip.hide();
    else this.tip.show(this, i);
  }

  pick(at) {
    const i = this.nearest(...at);
    if (i >= 0) this.send("pick", this.images.ids[i]);
  }

  // Only the outline travels: who is inside is decided in one place, for links as for lassos.
  select(path) {
    const stride = Math.max(1, path.length / MOST_CORNERS);
    const corners = [];
    for (let at = 0; at < path.length; at += stride) corners.push(path[Math.floor(at)]);
    const polygon = corners.map((corner) =>
      this.camera.toCoordinates(corner).map((value) => Number(value.toPrecision(6))),
    );
    this.send("selection", { polygon, hidden: [...this.hidden].sort(), errors: this.state.errors });
  }

  forgetSelection() {
    this.send("selection", { polygon: [], hidden: [], errors: false });
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".scatter");
  root.map ??= new ScatterMap(root);
  const { map } = root;
  map.send = (name, value) => setTriggerValue(name, value);
  if (map.bytes !== data) {
    map.bytes = data;
    map.load(data);
  }
  const { members } = map.group;
  members.add(map);
  return () => members.delete(map);
}
