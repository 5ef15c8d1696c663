// The images of a map as they arrive: one block of bytes, as `_pack` writes it, so that it is not sent again.
// Ids from `firstTest` on are test images, from `firstPhoto` on photos of one's own.

export function unpack(data) {
  const bytes = data instanceof ArrayBuffer ? new Uint8Array(data) : data;
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  let offset = 4 + length;
  const take = (kind, count) => {
    const values = new kind(buffer, offset, count);
    offset += values.byteLength;
    return values;
  };
  const coordinates = head.frames.map(() =>
    Array.from({ length: head.dimensions }, () => take(Float32Array, head.count)),
  );
  const ids = take(Uint32Array, head.count);
  const label = take(Uint8Array, head.count);
  const outputs = head.frames.map(() => {
    const [predicted, confidence, loss] = Array.from({ length: 3 }, () => take(Uint8Array, head.count));
    return { predicted, confidence, loss };
  });
  const bothParts = ids.some((id) => id < head.firstTest) && ids.some((id) => id >= head.firstTest);
  const indexOf = new Map(Array.from(ids, (id, index) => [id, index]));
  return { ...head, bothParts, coordinates, ids, label, outputs, indexOf };
}

// A moment may lie between two frames: then every point is on its way.
export function moveTo(images, moment) {
  const [from, share] = [Math.floor(moment), moment % 1];
  const [start, end] = [images.coordinates[from], images.coordinates[from + 1]];
  Object.assign(images, images.outputs[Math.round(moment)]);
  images.axes = share ? start.map((axis, n) => axis.map((value, i) => value + share * (end[n][i] - value))) : start;
}

// The middle of all frames and the distance from it within which all points lie.
export function extent(images) {
  const ranges = images.coordinates[0].map((_, axis) => {
    let [low, high] = [Infinity, -Infinity];
    for (const frame of images.coordinates) {
      for (const value of frame[axis]) {
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
    return [low, high];
  });
  const centre = ranges.map(([low, high]) => (low + high) / 2);
  const radius =
    ranges.length > 2 ? farthest(images, centre) : Math.max(...ranges.map(([low, high]) => (high - low) / 2));
  return { centre, radius: Math.max(1e-9, radius) };
}

// So far that a map in three dimensions fits however it is turned.
function farthest({ coordinates, count }, centre) {
  let most = 0;
  for (const axes of coordinates) {
    for (let i = 0; i < count; i++) {
      most = Math.max(
        most,
        axes.reduce((sum, axis, n) => sum + (axis[i] - centre[n]) ** 2, 0),
      );
    }
  }
  return Math.sqrt(most);
}
