// A map of up to 70,000 images on a canvas: zoom, move, lasso, box, pictures, colours, a legend that filters, 3-D.
// Positions arrive as bytes, so that they are not sent again; what is marked comes through `maps`, shared by all
// maps of a page that have the same group: they also show each other's hover.
const maps = (window.fmexploreMaps ??= { groups: {}, pictures: {} });
const DWELL = 125;
const REACH = 9; // pixels around a point in which it is meant
const MANY = 20000; // above it marks are squares, below it shapes by group
const GRID = 24;
const FAINT = 0.13; // what is not selected, while something is
const GREY = "#8d939e";
const SEQUENCE = ["#440154", "#443983", "#31688e", "#21918c", "#35b779", "#90d743", "#fde725"]; // viridis
const BY = { label: "true class", said: "what it says", right: "right or wrong", sure: "confidence", loss: "loss", cell: "marked images" };

function unpack(data) {
  const bytes = data instanceof ArrayBuffer ? new Uint8Array(data) : data;
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  let at = 4 + length;
  const take = (kind, count) => {
    const values = new kind(buffer, at, count);
    at += values.byteLength;
    return values;
  };
  const places = head.frames.map(() => Array.from({ length: head.dimensions }, () => take(Float32Array, head.count)));
  const ids = take(Uint32Array, head.count);
  const label = take(Uint8Array, head.count);
  const outputs = head.frames.map(() => {
    const [said, sure, loss] = Array.from({ length: 3 }, () => take(Uint8Array, head.count));
    return { said, sure, loss };
  });
  const parts = ids.some((id) => id < head.firstTest) && ids.some((id) => id >= head.firstTest);
  return { ...head, parts, places, ids, label, outputs, at: new Map(Array.from(ids, (id, index) => [id, index])) };
}

// What a copied link says; see components/copy_link.
function linkedLook() {
  const look = new URLSearchParams(new URLSearchParams(location.search).get("look") ?? "");
  const by = look.get("map_colour");
  return { by: by in BY ? by : "label", errors: look.has("map_errors"), pictures: look.has("map_pictures") };
}

class ScatterMap {
  constructor(root) {
    this.root = root;
    this.board = root.querySelector(".board");
    this.points = root.querySelector(".points");
    this.over = root.querySelector(".over");
    this.tip = root.querySelector(".tip");
    this.bar = root.querySelector(".bar");
    this.legend = root.querySelector(".legend");
    this.time = root.querySelector(".time");
    this.time.children[0].onclick = () => this.play();
    this.time.children[1].oninput = (event) => {
      this.playing = false;
      this.goTo(Number(event.target.value));
      this.drawTime();
    };
    this.view = { x: 0, y: 0, zoom: 1, turn: 0.6, tilt: 0.35 };
    this.hidden = new Set();
    maps.look ??= linkedLook();
    this.state = { ...maps.look, mode: "move", turning: false };
    this.path = null;
    this.controls();
    this.listen();
    new ResizeObserver(() => this.resize()).observe(this.board);
  }

  // --- what is shown -------------------------------------------------------------------------------------------------

  load(bytes) {
    const first = !this.data;
    const before = this.data;
    this.data = unpack(bytes);
    const flat = this.data.places[0].map((_, axis) => {
      let [low, high] = [Infinity, -Infinity];
      this.data.places.forEach((place) => {
        for (const value of place[axis]) {
          if (value < low) low = value;
          if (value > high) high = value;
        }
      });
      return [low, high];
    });
    this.centre = flat.map(([low, high]) => (low + high) / 2);
    this.radius = Math.max(1e-9, ...flat.map(([low, high]) => (high - low) / 2));
    if (flat.length > 2) this.radius = this.reach(); // so that it fits however it is turned
    if (first || before.name !== this.data.name) {
      this.home(false);
      this.moment = this.data.frames.length - 1;
    }
    this.goTo(Math.min(this.moment, this.data.frames.length - 1), false);
    this.drawTime();
    Object.assign(this.root.dataset, { count: this.data.count, name: this.data.name });
    this.palette();
    this.resize();
  }

  reach() {
    let most = 1e-18;
    this.data.places.forEach((axes) => {
      for (let i = 0; i < this.data.count; i++) {
        most = Math.max(most, axes.reduce((sum, axis, n) => sum + (axis[i] - this.centre[n]) ** 2, 0));
      }
    });
    return Math.sqrt(most);
  }

  // A moment may lie between two frames: then every point is on its way.
  goTo(moment, draw = true) {
    const { data } = this;
    this.moment = moment;
    const [from, share] = [Math.floor(moment), moment % 1];
    Object.assign(data, data.outputs[Math.round(moment)]);
    data.axes = share
      ? data.places[from].map((axis, n) => axis.map((value, i) => value + share * (data.places[from + 1][n][i] - value)))
      : data.places[from];
    this.root.dataset.moment = moment;
    if (draw) this.place();
  }

  drawTime() {
    const { frames } = this.data;
    this.time.hidden = frames.length < 2;
    const [play, slider, text] = this.time.children;
    play.textContent = this.playing ? "Pause" : "Play";
    slider.max = frames.length - 1;
    slider.value = Math.round(this.moment);
    text.textContent = frames[Math.round(this.moment)];
    slider.setAttribute("aria-valuetext", text.textContent);
  }

  play() {
    const { frames } = this.data;
    this.playing = !this.playing;
    if (this.playing && this.moment >= frames.length - 1) this.goTo(0);
    let before = performance.now();
    const stride = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1 : 0.06; // from frame to frame, or all the way
    const step = (now) => {
      if (!this.playing || !this.root.isConnected) return;
      // Each frame stays for a moment, then moves on.
      this.wait = (this.wait ?? 0) + now - before;
      before = now;
      if (this.wait > 500) {
        const next = Math.min(Math.floor(this.moment) + 1, this.moment + stride);
        this.goTo(next);
        if (Number.isInteger(next)) this.wait = 0;
        if (next >= frames.length - 1) this.playing = false;
      }
      this.drawTime();
      if (this.playing) requestAnimationFrame(step);
    };
    this.drawTime();
    requestAnimationFrame(step);
  }

  home(draw = true) {
    Object.assign(this.view, { x: 0, y: 0, zoom: 1 });
    if (draw) this.place();
  }

  resize() {
    const box = this.board.getBoundingClientRect();
    if (!box.width || !this.data) return;
    this.ratio = Math.min(window.devicePixelRatio || 1, 2);
    [this.width, this.height] = [box.width, box.height];
    [this.points, this.over].forEach((canvas) => {
      canvas.width = Math.round(this.width * this.ratio);
      canvas.height = Math.round(this.height * this.ratio);
    });
    this.place();
  }

  scale() {
    return ((Math.min(this.width, this.height) / 2 - 12) / this.radius) * this.view.zoom;
  }

  // Screen places of all points, and an index of them for the pointer.
  place() {
    const { data, view, width, height } = this;
    if (!data || !width) return;
    const count = data.count;
    this.px ??= new Float32Array(0);
    if (this.px.length !== count) [this.px, this.py] = [new Float32Array(count), new Float32Array(count)];
    const scale = this.scale();
    const [middle, centre] = [width / 2 + view.x, height / 2 + view.y];
    const [xs, ys, zs] = data.axes;
    const [cx, cy, cz] = this.centre;
    if (zs) {
      const [ct, st, cp, sp] = [Math.cos(view.turn), Math.sin(view.turn), Math.cos(view.tilt), Math.sin(view.tilt)];
      for (let i = 0; i < count; i++) {
        const [x, y, z] = [xs[i] - cx, ys[i] - cy, zs[i] - cz];
        const depth = st * x + ct * z;
        this.px[i] = middle + (ct * x - st * z) * scale;
        this.py[i] = centre - (cp * y - sp * depth) * scale;
      }
    } else {
      for (let i = 0; i < count; i++) {
        this.px[i] = middle + (xs[i] - cx) * scale;
        this.py[i] = centre - (ys[i] - cy) * scale;
      }
    }
    this.index = null;
    this.paint();
  }

  shown(i) {
    const { data } = this;
    return !(this.hidden.has(data.label[i]) || (this.state.errors && data.said[i] === data.label[i]));
  }

  palette() {
    const { data, state } = this;
    const ramp = (value) => SEQUENCE[Math.min(SEQUENCE.length - 1, Math.floor((value / 256) * SEQUENCE.length))];
    const marked = new Set(this.shared().marked ?? []);
    this.color = {
      label: (i) => data.colors[data.label[i]],
      said: (i) => data.colors[data.said[i]] ?? GREY,
      right: (i) => (data.said[i] === data.label[i] ? data.right : data.wrong),
      sure: (i) => ramp(data.sure[i]),
      loss: (i) => ramp(data.loss[i]),
      cell: (i) => (marked.has(data.ids[i]) ? data.wrong : GREY),
    }[state.by];
    this.drawLegend();
  }

  sprite(color, shape, size) {
    this.sprites ??= new Map();
    const key = `${color}${shape}${size}${this.ratio}`;
    if (this.sprites.has(key)) return this.sprites.get(key);
    const side = Math.ceil((size + 2) * this.ratio);
    const made = element("canvas", { width: side, height: side });
    const pen = made.getContext("2d");
    const [half, r] = [side / 2, (size / 2) * this.ratio];
    pen.fillStyle = color;
    pen.beginPath();
    if (shape === 0) pen.arc(half, half, r, 0, 7);
    else if (shape === 1) pen.rect(half - 0.85 * r, half - 0.85 * r, 1.7 * r, 1.7 * r);
    else if (shape === 2) [[0, -1.15], [1.1, 0.85], [-1.1, 0.85]].forEach(([x, y]) => pen.lineTo(half + x * r, half + y * r));
    else [[0, -1.25], [1.25, 0], [0, 1.25], [-1.25, 0]].forEach(([x, y]) => pen.lineTo(half + x * r, half + y * r));
    pen.fill();
    this.sprites.set(key, made);
    return made;
  }

  paint() {
    if (!this.data || !this.width) return;
    const { data, width, height } = this;
    const pen = this.points.getContext("2d");
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.clearRect(0, 0, this.points.width, this.points.height);
    const visible = [];
    for (let i = 0; i < data.count; i++) {
      const [x, y] = [this.px[i], this.py[i]];
      if (x > -20 && y > -20 && x < width + 20 && y < height + 20 && this.shown(i)) visible.push(i);
    }
    const many = visible.length > MANY;
    const size = Math.max(2, Math.min(9, (many ? 2 : data.count > 4000 ? 3.5 : 5) * Math.sqrt(this.view.zoom)));
    const solid = many ? 0.75 : 0.85;
    const chosen = new Set(this.shared().selected);
    const [front, back] = [[], []];
    visible.forEach((i) => (!chosen.size || chosen.has(data.ids[i]) ? front : back).push(i));
    pen.globalAlpha = FAINT;
    this.paintPoints(pen, back, size, many);
    pen.globalAlpha = solid;
    if (this.state.pictures) this.paintPictures(pen, front);
    else this.paintPoints(pen, front, size, many);
    pen.globalAlpha = 1;
    this.root.dataset.drawn = visible.length;
    this.paintOver();
  }

  paintPoints(pen, numbers, size, many) {
    const { data, ratio } = this;
    if (!many) {
      numbers.forEach((i) => {
        const mark = this.sprite(this.color(i), data.shapes[data.label[i]], size);
        pen.drawImage(mark, this.px[i] * ratio - mark.width / 2, this.py[i] * ratio - mark.height / 2);
      });
      return;
    }
    const groups = new Map();
    numbers.forEach((i) => {
      const color = this.color(i);
      groups.has(color) ? groups.get(color).push(i) : groups.set(color, [i]);
    });
    const [side, half] = [size * ratio, (size * ratio) / 2];
    groups.forEach((members, color) => {
      pen.fillStyle = color;
      members.forEach((i) => pen.fillRect(this.px[i] * ratio - half, this.py[i] * ratio - half, side, side));
    });
  }

  // Where they would hide each other, one stands for all in its place; nearer, more are seen.
  paintPictures(pen, visible) {
    const side = Math.max(14, Math.min(56, 14 * Math.sqrt(this.view.zoom)));
    const taken = new Set();
    pen.globalAlpha = 1;
    pen.imageSmoothingEnabled = false;
    visible.forEach((i) => {
      const cell = Math.floor(this.px[i] / side) * 65536 + Math.floor(this.py[i] / side);
      if (taken.has(cell)) return;
      taken.add(cell);
      const [x, y] = [(this.px[i] - side / 2) * this.ratio, (this.py[i] - side / 2) * this.ratio];
      const wide = side * this.ratio;
      if (!this.drawPicture(pen, this.data.ids[i], x, y, wide, () => this.soon())) {
        pen.fillStyle = this.color(i);
        pen.fillRect(x + wide / 4, y + wide / 4, wide / 2, wide / 2);
      }
      pen.strokeStyle = this.color(i);
      pen.lineWidth = 1.5 * this.ratio;
      pen.strokeRect(x, y, wide, wide);
    });
  }

  soon() {
    this.due ??= requestAnimationFrame(() => {
      this.due = null;
      this.paint();
    });
  }

  // A tile of a sheet of 50 x 50; false while the sheet is on its way.
  drawPicture(pen, id, x, y, side, arrived) {
    const known = maps.pictures[id];
    if (known) {
      if (!known.complete) return false;
      pen.drawImage(known, x, y, side, side);
      return true;
    }
    if (!this.data.sheets) {
      this.want(id, arrived);
      return false;
    }
    const [sheet, tile] = [Math.floor(id / 2500), id % 2500];
    let image = maps.pictures[`sheet${sheet}`];
    if (!image) {
      image = maps.pictures[`sheet${sheet}`] = new Image();
      image.waiting = [];
      image.onload = () => image.waiting.splice(0).forEach((done) => done());
      image.src = `${this.data.sheets}${String(sheet).padStart(2, "0")}.png`;
    }
    if (!image.complete || !image.naturalWidth) {
      if (!image.waiting.includes(arrived)) image.waiting.push(arrived);
      return false;
    }
    pen.drawImage(image, (tile % 50) * 28, Math.floor(tile / 50) * 28, 28, 28, x, y, side, side);
    return true;
  }

  // Where sheets cannot be kept, pictures are asked for one by one.
  want(id, arrived) {
    this.wanted = id;
    this.arrived = arrived;
    clearTimeout(this.asking);
    this.asking = setTimeout(() => this.send("want", id), DWELL);
  }

  // --- above the points: what is marked, the lasso, the hover ----------------------------------------------------------

  shared() {
    return (maps.groups[this.data?.group] ??= { members: new Set() });
  }

  paintOver() {
    if (!this.data || !this.width) return;
    const pen = this.over.getContext("2d");
    const { ratio } = this;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, this.width, this.height);
    const style = getComputedStyle(this.board);
    const ink = style.getPropertyValue("--st-text-color") || "#888";
    const shared = this.shared();
    const ring = (id, radius, width, color = ink) => {
      const i = this.data.at.get(id);
      if (i === undefined) return;
      pen.beginPath();
      pen.arc(this.px[i], this.py[i], radius, 0, 7);
      pen.lineWidth = width;
      pen.strokeStyle = color;
      pen.stroke();
    };
    const focus = this.data.at.get(shared.focus);
    (shared.neighbours ?? []).forEach((id) => {
      const i = this.data.at.get(id);
      if (i === undefined) return;
      if (focus !== undefined) {
        pen.beginPath();
        pen.moveTo(this.px[focus], this.py[focus]);
        pen.lineTo(this.px[i], this.py[i]);
        pen.lineWidth = 1;
        pen.strokeStyle = ink;
        pen.globalAlpha = 0.6;
        pen.stroke();
        pen.globalAlpha = 1;
      }
      ring(id, 5, 1.5);
    });
    if (shared.focus != null) ring(shared.focus, 9, 3);
    if (shared.hover != null) ring(shared.hover, 7, 2);
    const polygon = this.path ?? this.kept();
    if (polygon?.length > 1) {
      pen.beginPath();
      polygon.forEach(([x, y], n) => (n ? pen.lineTo(x, y) : pen.moveTo(x, y)));
      pen.closePath();
      pen.fillStyle = ink;
      pen.globalAlpha = 0.08;
      pen.fill();
      pen.globalAlpha = 0.8;
      pen.strokeStyle = ink;
      pen.lineWidth = 1;
      pen.setLineDash([4, 3]);
      pen.stroke();
      pen.setLineDash([]);
      pen.globalAlpha = 1;
    }
  }

  // The outline of the selection in the link, which belongs to one map only.
  kept() {
    const { polygon, owner } = this.shared();
    if (!polygon || owner !== this.data.name || this.data.axes.length > 2) return null;
    const scale = this.scale();
    const [mx, my] = [this.width / 2 + this.view.x, this.height / 2 + this.view.y];
    return polygon.map(([x, y]) => [mx + (x - this.centre[0]) * scale, my - (y - this.centre[1]) * scale]);
  }

  toData([x, y]) {
    const scale = this.scale();
    return [
      this.centre[0] + (x - this.width / 2 - this.view.x) / scale,
      this.centre[1] - (y - this.height / 2 - this.view.y) / scale,
    ];
  }

  near(x, y) {
    if (!this.index) {
      this.index = new Map();
      for (let i = 0; i < this.data.count; i++) {
        if (!this.shown(i)) continue;
        const key = Math.floor(this.px[i] / GRID) * 65536 + Math.floor(this.py[i] / GRID);
        this.index.has(key) ? this.index.get(key).push(i) : this.index.set(key, [i]);
      }
    }
    let [best, least] = [-1, REACH * REACH];
    const [column, row] = [Math.floor(x / GRID), Math.floor(y / GRID)];
    for (let a = column - 1; a <= column + 1; a++) {
      for (let b = row - 1; b <= row + 1; b++) {
        for (const i of this.index.get(a * 65536 + b) ?? []) {
          const distance = (this.px[i] - x) ** 2 + (this.py[i] - y) ** 2;
          if (distance < least) [best, least] = [i, distance];
        }
      }
    }
    return best;
  }

  hover(i) {
    const { data, tip } = this;
    const shared = this.shared();
    const id = i < 0 ? null : data.ids[i];
    if (shared.hover !== id) {
      shared.hover = id;
      shared.members.forEach((map) => map.paintOver());
    }
    tip.hidden = i < 0;
    if (i < 0) return;
    const pen = tip.querySelector("canvas").getContext("2d");
    const draw = () => {
      pen.clearRect(0, 0, 28, 28);
      if (this.drawPicture(pen, id, 0, 0, 28, draw)) tip.dataset.drawn = id;
    };
    tip.dataset.id = id;
    draw();
    const own = id >= data.firstPhoto;
    const name = data.names[data.said[i]];
    const said = !name ? "" : own ? name : data.said[i] === data.label[i] ? "recognised" : `taken for ${name}`;
    const sure = data.said[i] > 9 ? "" : `, ${Math.round((100 * data.sure[i]) / 255)} % sure`;
    const words = tip.querySelectorAll("span");
    const part = data.parts ? (id < data.firstTest ? "training " : "test ") : "";
    words[0].textContent = own ? "your photo" : `${data.names[data.label[i]]} ${part}${id % data.firstTest}`;
    words[1].textContent = said + sure;
    tip.style.left = `${Math.max(0, Math.min(this.px[i] + 14, this.width - 150))}px`;
    tip.style.top = `${Math.max(0, Math.min(this.py[i] + 14, this.height - 180))}px`;
  }

  // --- what people do --------------------------------------------------------------------------------------------------

  controls() {
    const choice = element("select", { ariaLabel: "Colour by" });
    Object.entries(BY).forEach(([value, text]) => choice.append(element("option", { value, textContent: text })));
    choice.value = this.state.by;
    choice.onchange = () => this.set({ by: choice.value });
    const toggle = (name, text) => {
      const button = element("button", { type: "button", textContent: text, ariaPressed: String(this.state[name]) });
      button.onclick = () => {
        this.set({ [name]: !this.state[name] });
        button.ariaPressed = String(this.state[name]);
      };
      return button;
    };
    const modes = { move: "Move", lasso: "Lasso", box: "Box" };
    this.modes = Object.entries(modes).map(([mode, text]) => {
      const button = element("button", { type: "button", textContent: text, ariaPressed: String(mode === "move") });
      button.onclick = () => this.setMode(mode);
      button.mode = mode;
      return button;
    });
    const press = (text, label, act) => {
      const button = element("button", { type: "button", textContent: text, ariaLabel: label, title: label });
      button.onclick = act;
      return button;
    };
    this.turn = toggle("turning", "Turn");
    this.pictures = toggle("pictures", "Pictures");
    this.bar.append(
      element("span", { className: "group" }, ...this.modes),
      press("+", "Zoom in", () => this.zoomBy(1.5)),
      press("−", "Zoom out", () => this.zoomBy(1 / 1.5)),
      press("Whole map", "Show the whole map", () => this.home()),
      this.turn,
      this.pictures,
      toggle("errors", "Errors only"),
      element("label", {}, element("span", { textContent: "Colour" }), choice),
    );
  }

  setMode(mode) {
    this.state.mode = mode;
    this.modes.forEach((button) => (button.ariaPressed = String(button.mode === mode)));
    this.board.dataset.mode = mode;
  }

  set(changes) {
    Object.assign(this.state, changes);
    const { by, errors, pictures } = this.state;
    maps.look = { by, errors, pictures }; // the next map, with other settings, is looked at in the same way
    this.palette();
    this.index = null;
    this.paint();
    if ("turning" in changes) this.spin();
  }

  spin() {
    cancelAnimationFrame(this.spinning);
    if (!this.state.turning || !this.root.isConnected) return;
    this.view.turn += 0.008;
    this.place();
    this.spinning = requestAnimationFrame(() => this.spin());
  }

  drawLegend() {
    const { data, state } = this;
    const flat = data.axes.length < 3;
    this.turn.hidden = flat;
    this.pictures.hidden = !data.sheets; // one by one is too slow for a whole map
    const selects = flat && data.lasso;
    this.modes[0].parentElement.hidden = !selects;
    if (!selects) this.setMode("move");
    const counts = new Array(10).fill(0);
    data.label.forEach((label) => (counts[label] += 1));
    const color = (label) => (state.by === "label" || state.by === "said" ? data.colors[label] : GREY);
    this.legend.replaceChildren(
      ...data.names.map((name, label) => {
        const mark = element("i", { className: `shape${data.shapes[label]}` });
        mark.style.background = color(label);
        const button = element(
          "button",
          { type: "button", ariaPressed: String(!this.hidden.has(label)), title: `${name}: ${counts[label]} images; press to hide or show` },
          mark,
          name,
        );
        button.onclick = (event) => {
          if (event.shiftKey || event.altKey) data.names.forEach((_, other) => (other === label ? this.hidden.delete(other) : this.hidden.add(other)));
          else this.hidden.has(label) ? this.hidden.delete(label) : this.hidden.add(label);
          this.set({});
        };
        return button;
      }),
      element("button", { type: "button", textContent: this.hidden.size ? "show all" : "hide all", onclick: () => {
        this.hidden = this.hidden.size ? new Set() : new Set(data.names.keys());
        this.set({});
      } }),
    );
    const extra = { sure: "dark: unsure, bright: sure", loss: "dark: low loss, bright: high loss", right: "blue: right, orange: wrong", cell: "orange: marked" }[state.by];
    if (extra) this.legend.append(element("span", { textContent: extra }));
  }

  zoomBy(factor, x = this.width / 2, y = this.height / 2) {
    const { view } = this;
    const zoom = Math.max(0.5, Math.min(200, view.zoom * factor));
    const real = zoom / view.zoom;
    view.x = (view.x - x + this.width / 2) * real + x - this.width / 2;
    view.y = (view.y - y + this.height / 2) * real + y - this.height / 2;
    view.zoom = zoom;
    this.place();
  }

  listen() {
    const place = (event) => {
      const box = this.board.getBoundingClientRect();
      return [event.clientX - box.left, event.clientY - box.top];
    };
    const fingers = new Map();
    let from = null;
    let dwell = null;
    let spread = null;
    this.over.onwheel = (event) => {
      event.preventDefault();
      this.zoomBy(Math.exp(-event.deltaY * 0.0015), ...place(event));
    };
    this.over.onpointerdown = (event) => {
      this.over.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, place(event));
      from = { at: place(event), x: this.view.x, y: this.view.y, turn: this.view.turn, tilt: this.view.tilt, moved: false };
      if (this.state.mode !== "move" && fingers.size === 1) this.path = [place(event)];
      this.hover(-1);
    };
    this.over.onpointermove = (event) => {
      const at = place(event);
      if (fingers.has(event.pointerId)) fingers.set(event.pointerId, at);
      if (fingers.size === 2) {
        const [a, b] = [...fingers.values()];
        const distance = Math.hypot(a[0] - b[0], a[1] - b[1]);
        if (spread) this.zoomBy(distance / spread, (a[0] + b[0]) / 2, (a[1] + b[1]) / 2);
        spread = distance;
        this.path = null;
        if (from) from.moved = true;
        return;
      }
      if (!from) {
        clearTimeout(dwell);
        const i = this.data ? this.near(...at) : -1;
        if (i < 0) this.hover(-1);
        else dwell = setTimeout(() => this.hover(i), DWELL);
        return;
      }
      const [dx, dy] = [at[0] - from.at[0], at[1] - from.at[1]];
      if (Math.hypot(dx, dy) > 3) from.moved = true;
      if (!from.moved) return;
      if (this.path) {
        if (this.state.mode === "box") this.path = [from.at, [at[0], from.at[1]], at, [from.at[0], at[1]]];
        else if (Math.hypot(at[0] - this.path.at(-1)[0], at[1] - this.path.at(-1)[1]) > 3) this.path.push(at);
        this.paintOver();
      } else if (this.data.axes.length === 3 && !event.shiftKey) {
        this.view.turn = from.turn + dx * 0.008;
        this.view.tilt = Math.max(-1.5, Math.min(1.5, from.tilt + dy * 0.008));
        this.place();
      } else {
        [this.view.x, this.view.y] = [from.x + dx, from.y + dy];
        this.place();
      }
    };
    const end = (event) => {
      fingers.delete(event.pointerId);
      spread = null;
      if (!from || fingers.size) return;
      const [path, moved] = [this.path, from.moved];
      [from, this.path] = [null, null];
      if (event.type === "pointercancel") return this.paintOver();
      if (path && moved && path.length > 2) return this.select(path);
      if (!moved) {
        const i = this.near(...place(event));
        if (i >= 0) this.send("pick", this.data.ids[i]);
      }
      this.paintOver();
    };
    this.over.onpointerup = end;
    this.over.onpointercancel = end;
    this.over.onpointerleave = () => {
      clearTimeout(dwell);
      if (!from) this.hover(-1);
    };
    this.board.onkeydown = (event) => {
      const step = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] }[event.key];
      if (step) {
        if (this.data.axes.length === 3) {
          this.view.turn -= step[0] / 200;
          this.view.tilt -= step[1] / 200;
        } else {
          this.view.x += step[0];
          this.view.y += step[1];
        }
        this.place();
      } else if (event.key === "+" || event.key === "=") this.zoomBy(1.3);
      else if (event.key === "-") this.zoomBy(1 / 1.3);
      else if (event.key === "0") this.home();
      else if (event.key === "Escape") this.send("selection", { polygon: [], hidden: [], errors: false });
      else return;
      event.preventDefault();
    };
  }

  // Only the outline travels: who is inside is decided in one place, for links as for lassos.
  select(path) {
    const stride = Math.max(1, path.length / 60);
    const few = [];
    for (let at = 0; at < path.length; at += stride) few.push(path[Math.floor(at)]);
    const polygon = few.map((point) => this.toData(point).map((value) => Number(value.toPrecision(6))));
    this.send("selection", { polygon, hidden: [...this.hidden].sort(), errors: this.state.errors });
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".scatter");
  const map = (root.map ??= new ScatterMap(root));
  map.send = (name, value) => setTriggerValue(name, value);
  if (map.bytes !== data) {
    map.bytes = data;
    map.load(data);
  }
  const { members } = map.shared();
  members.add(map);
  maps.refresh ??= (group) => maps.groups[group]?.members.forEach((each) => {
    if (each.arrived && maps.pictures[each.wanted]) each.arrived();
    each.palette();
    each.paint();
  });
  return () => members.delete(map);
}
