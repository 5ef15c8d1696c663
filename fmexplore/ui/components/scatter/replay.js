// The slider through the moments of a training, and what plays them.
const STAY = 500; // milliseconds at each frame, before it moves on
const STRIDE = 0.06; // of the way from frame to frame, in one frame of the screen

export class Replay {
  constructor(box, map) {
    const [button, slider, caption] = box.children;
    Object.assign(this, { box, map, button, slider, caption, playing: false, waited: 0 });
    button.onclick = () => this.toggle();
    slider.oninput = () => {
      this.playing = false;
      map.goTo(Number(slider.value));
      this.draw();
    };
  }

  get last() {
    return this.map.images.frames.length - 1;
  }

  draw() {
    const at = Math.round(this.map.moment);
    this.box.hidden = this.last < 1;
    this.button.textContent = this.playing ? "Pause" : "Play";
    this.slider.max = this.last;
    this.slider.value = at;
    this.caption.textContent = this.map.images.frames[at];
    this.slider.setAttribute("aria-valuetext", this.caption.textContent);
  }

  toggle() {
    const { map } = this;
    this.playing = !this.playing;
    if (this.playing && map.moment >= this.last) map.goTo(0);
    const stride = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1 : STRIDE;
    let before = performance.now();
    const step = (now) => {
      if (!this.playing || !map.root.isConnected) return;
      this.waited += now - before;
      before = now;
      if (this.waited > STAY) {
        const next = Math.min(Math.floor(map.moment) + 1, map.moment + stride);
        map.goTo(next);
        if (Number.isInteger(next)) this.waited = 0;
        if (next >= this.last) this.playing = false;
      }
      this.draw();
      if (this.playing) requestAnimationFrame(step);
    };
    this.draw();
    requestAnimationFrame(step);
  }
}
