import { RATE, decoded } from "./pcm.js";
import { Spectrum, drawSpectrogram, prepared } from "./spectrogram.js";

const MAX_BYTES = 20e6; // of a file: decoded, it takes many times the memory
const MAX_COLUMNS = 1000;
const LEAST_HOP = 160; // samples: 10 ms

/** A whole sound as its spectrogram, with the place that is played; a click goes there. */
export class Overview {
  constructor(canvas, player) {
    this.canvas = canvas;
    this.player = player;
    this.columns = [];
    canvas.onclick = ({ offsetX }) => {
      player.currentTime = (player.duration * offsetX) / canvas.clientWidth;
    };
    player.addEventListener("timeupdate", () => this.draw());
    document.addEventListener("theme", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  /** Show this file, or nothing where it is too large or only the server can decode it. */
  async show(file) {
    this.canvas.hidden = true;
    this.file = file;
    const none = () => new Float32Array(0);
    const samples = file.size > MAX_BYTES ? none() : await decoded(file).catch(none);
    if (this.file !== file) return; // another one was picked
    const hop = Math.max(LEAST_HOP, Math.ceil(samples.length / MAX_COLUMNS));
    this.columns = new Spectrum(RATE, hop).push(samples);
    this.canvas.hidden = !this.columns.length;
    this.draw(); // if its size is what it was, the observer is silent
  }

  draw() {
    if (!this.columns.length) return;
    const { pen, style, width, height } = prepared(this.canvas);
    drawSpectrogram(pen, style, this.columns, this.columns.length, [0, 0, width, height]);
    const { currentTime, duration } = this.player;
    pen.fillStyle = style.color;
    if (currentTime) pen.fillRect((width * currentTime) / duration - 1, 0, 2, height);
  }
}
