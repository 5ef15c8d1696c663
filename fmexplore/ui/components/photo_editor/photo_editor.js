// Draw on a photo: a box or a brush stroke. With the keyboard: arrows move the brush, space paints, Enter ends a stroke.
const MOST_POINTS = 2000;
const LABELS = {
  add: "Photo with a brush that adds to the garment: arrows move it, space paints, Enter ends the stroke",
  remove: "Photo with a brush that takes away from the garment: arrows move it, space paints, Enter ends the stroke",
  box: "Photo to draw a box on: arrows move the point, space sets a corner, Enter ends the box",
};

function draw(state) {
  const { canvas, image, points, tool, radius } = state;
  const [width, height] = [canvas.width, canvas.height];
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  if (image.complete) context.drawImage(image, 0, 0, width, height);
  const colour = tool === "remove" ? "rgba(232, 89, 12, 0.55)" : "rgba(59, 130, 246, 0.55)";
  if (tool === "box" && points.length) {
    const [[x0, y0], [x1, y1]] = [points[0], points[points.length - 1]];
    context.strokeStyle = "#3b82f6";
    context.lineWidth = 3;
    context.strokeRect(x0 * width, y0 * height, (x1 - x0) * width, (y1 - y0) * height);
  } else if (points.length) {
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = 2 * radius * width;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    points.forEach(([x, y], n) => context[n ? "lineTo" : "moveTo"](x * width, y * height));
    context.lineTo(points[points.length - 1][0] * width + 0.01, points[points.length - 1][1] * height);
    context.stroke();
  }
  if (state.cursor) {
    context.strokeStyle = "#fff";
    context.lineWidth = 2;
    context.beginPath();
    context.arc(state.cursor[0] * width, state.cursor[1] * height, tool === "box" ? 5 : radius * width, 0, 7);
    context.stroke();
    context.strokeStyle = "#000";
    context.lineWidth = 1;
    context.stroke();
  }
}

function finish(state, send) {
  const points = state.points.map((point) => point.map((value) => Math.round(1e4 * value) / 1e4));
  state.points = [];
  if (!points.length) return;
  if (state.tool !== "box") return send({ points, tool: state.tool });
  const [xs, ys] = [0, 1].map((axis) => [points[0][axis], points[points.length - 1][axis]].sort((a, b) => a - b));
  if (xs[1] - xs[0] > 0.02 && ys[1] - ys[0] > 0.02) send({ box: [xs[0], ys[0], xs[1], ys[1]] });
  else draw(state);
}

export default function ({ data, parentElement, setTriggerValue }) {
  const canvas = parentElement.querySelector("canvas");
  const send = (event) => setTriggerValue("change", event);
  canvas.state ??= { canvas, points: [], cursor: null, image: new Image() };
  const { state } = canvas;
  Object.assign(state, { tool: data.tool, radius: data.radius });
  canvas.setAttribute("aria-label", LABELS[data.tool]);
  const source = `data:image/png;base64,${data.picture}`;
  if (state.image.src !== source) {
    state.image.onload = () => {
      canvas.width = state.image.naturalWidth;
      canvas.height = state.image.naturalHeight;
      draw(state);
    };
    state.image.src = source;
  }
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    const inside = (value) => Math.min(1, Math.max(0, value));
    return [inside((event.clientX - box.left) / box.width), inside((event.clientY - box.top) / box.height)];
  };
  const add = (point) => {
    if (state.points.length < MOST_POINTS) state.points.push(point);
  };
  canvas.onpointerdown = (event) => {
    canvas.setPointerCapture(event.pointerId);
    state.drawing = true;
    state.points = [];
    add(at(event));
    draw(state);
  };
  canvas.onpointermove = (event) => {
    state.cursor = at(event);
    if (state.drawing) add(state.cursor);
    draw(state);
  };
  canvas.onpointerup = canvas.onpointercancel = () => {
    state.drawing = false;
    finish(state, send);
  };
  canvas.onpointerleave = () => {
    state.cursor = null;
    draw(state);
  };
  canvas.onkeydown = (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (step) {
      const from = state.cursor ?? [0.5, 0.5];
      state.cursor = from.map((value, axis) => Math.min(1, Math.max(0, value + 0.02 * step[axis])));
      if (state.held) add(state.cursor);
    } else if (event.key === " ") {
      state.cursor ??= [0.5, 0.5];
      add(state.cursor);
      state.held = state.tool !== "box" && !state.held;
    } else if (event.key === "Enter" || event.key === "Escape") {
      state.held = false;
      if (event.key === "Escape") state.points = [];
      finish(state, send);
    } else return;
    event.preventDefault();
    event.stopPropagation();
    draw(state);
  };
}
