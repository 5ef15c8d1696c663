// The caption of the image under the pointer, with its picture.

import { SIDE } from "./pictures.js";

const ROOM = { width: 150, height: 180 }; // kept free at the right and below

function titleOf(images, i) {
  const id = images.ids[i];
  if (id >= images.firstPhoto) return "your photo";
  const part = id < images.firstTest ? images.trainName : "Test image";
  return `${part} ${(id % images.firstTest).toLocaleString("en")}, ${images.names[images.label[i]]}`;
}

function outputOf(images, i) {
  const name = images.names[images.predicted[i]];
  if (!name) return "";
  const sure = `, ${Math.round((100 * images.confidence[i]) / 255)} % sure`;
  if (images.ids[i] >= images.firstPhoto) return name + sure;
  return `predicted: ${name}${sure}`;
}

export class Tip {
  constructor(box, pictures) {
    const [canvas, title, output] = box.children;
    Object.assign(this, { box, pictures, title, output, pen: canvas.getContext("2d") });
  }

  hide() {
    this.box.hidden = true;
  }

  show({ images, camera, px, py }, i) {
    const { box, pen } = this;
    const id = images.ids[i];
    box.hidden = false;
    box.dataset.id = id;
    const draw = () => {
      pen.clearRect(0, 0, SIDE, SIDE);
      if (this.pictures.draw(pen, id, 0, 0, SIDE, draw)) box.dataset.drawn = id;
    };
    draw();
    this.title.textContent = titleOf(images, i);
    this.output.textContent = outputOf(images, i);
    box.style.left = `${Math.max(0, Math.min(px[i] + 14, camera.width - ROOM.width))}px`;
    box.style.top = `${Math.max(0, Math.min(py[i] + 14, camera.height - ROOM.height))}px`;
  }
}
