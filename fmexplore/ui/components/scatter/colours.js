// What colours can say of an image, and how.
export const GREY = "#8d939e";
// The keys stand in copied links.
export const BY = {
  label: "true class",
  said: "predicted class",
  right: "right or wrong",
  sure: "confidence",
  loss: "loss",
  cell: "marked images",
};
export const KEYS = {
  sure: "dark: unsure, bright: sure",
  loss: "dark: low loss, bright: high loss",
  right: "blue: right, orange: wrong",
  cell: "orange: marked",
};
const SEQUENCE = ["#440154", "#443983", "#31688e", "#21918c", "#35b779", "#90d743", "#fde725"]; // viridis

const ramp = (value) => SEQUENCE[Math.min(SEQUENCE.length - 1, Math.floor((value / 256) * SEQUENCE.length))];

// A function from a point's index to its colour; it reads what the images say at the moment that is shown.
export function colourBy(by, images, marked) {
  const { label, colors, ids } = images;
  return {
    label: (i) => colors[label[i]],
    said: (i) => colors[images.predicted[i]] ?? GREY,
    right: (i) => (images.predicted[i] === label[i] ? images.right : images.wrong),
    sure: (i) => ramp(images.confidence[i]),
    loss: (i) => ramp(images.loss[i]),
    cell: (i) => (marked.has(ids[i]) ? images.wrong : GREY),
  }[by];
}
