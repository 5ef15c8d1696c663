// The upper canvas: what is marked, looked at or pointed at, and the outline of a selection.
export function paintOverlay(canvas, scene, group, polygon) {
  const { images, camera, px, py, ratio } = scene;
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, camera.width, camera.height);
  const ink = getComputedStyle(canvas).getPropertyValue("--st-text-color") || "#888";
  pen.strokeStyle = ink;
  const focus = images.indexOf.get(group.focus);
  for (const id of group.neighbours ?? []) {
    const i = images.indexOf.get(id);
    if (i === undefined) continue;
    if (focus !== undefined) drawLine(pen, [px[focus], py[focus]], [px[i], py[i]]);
    drawRing(pen, [px[i], py[i]], 5, 1.5);
  }
  const hover = images.indexOf.get(group.hover);
  if (focus !== undefined) drawRing(pen, [px[focus], py[focus]], 9, 3);
  if (hover !== undefined) drawRing(pen, [px[hover], py[hover]], 7, 2);
  if (polygon?.length > 1) drawOutline(pen, polygon, ink);
}

function drawRing(pen, [x, y], radius, width) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 7);
  pen.lineWidth = width;
  pen.stroke();
}

function drawLine(pen, from, to) {
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(...to);
  pen.lineWidth = 1;
  pen.globalAlpha = 0.6;
  pen.stroke();
  pen.globalAlpha = 1;
}

function drawOutline(pen, polygon, ink) {
  pen.beginPath();
  pen.moveTo(...polygon[0]);
  for (const point of polygon.slice(1)) pen.lineTo(...point);
  pen.closePath();
  pen.fillStyle = ink;
  pen.globalAlpha = 0.08;
  pen.fill();
  pen.globalAlpha = 0.8;
  pen.lineWidth = 1;
  pen.setLineDash([4, 3]);
  pen.stroke();
  pen.setLineDash([]);
  pen.globalAlpha = 1;
}
