const WINDOW_S = 0.025; // rounded to a power of two of samples
const MAX_HZ = 8000;
const FLOOR_DB = -88; // of a sine at full scale: what is shown as nothing
const RANGE_DB = 66;
const ROWS = 96; // of a column, evenly spaced in mel
const STOPS = ["none", "low", "mid", "high"]; // --spectrum-* of the style sheet
const palettes = new Map(); // by their stops: one in the light, one in the dark

const mel = (hz) => 1127 * Math.log1p(hz / 700); // O'Shaughnessy, as HTK has it
const hertz = (m) => 700 * Math.expm1(m / 1127);

/** Sound in, columns of a spectrogram out: how loud each row is, 0..255, lowest first. */
export class Spectrum {
  /** `hop` is in samples: from one column to the next. */
  constructor(sampleRate, hop) {
    this.hop = hop;
    this.n = 2 ** Math.round(Math.log2(WINDOW_S * sampleRate));
    const hann = (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / this.n);
    this.window = Float64Array.from({ length: this.n }, hann);
    const top = mel(Math.min(MAX_HZ, sampleRate / 2));
    const bin = (row) => (hertz((top * row) / ROWS) * this.n) / sampleRate;
    this.edges = Array.from({ length: ROWS + 1 }, (_, row) => bin(row));
    this.pending = new Float32Array(0);
  }

  /** Take any number of samples; return the columns that they complete. */
  push(samples) {
    const all = new Float32Array(this.pending.length + samples.length);
    all.set(this.pending);
    all.set(samples, this.pending.length);
    const columns = [];
    let at = 0;
    for (const needed = Math.max(this.n, this.hop); at + needed <= all.length; at += this.hop) {
      columns.push(this.#column(all.subarray(at, at + this.n)));
    }
    this.pending = all.slice(at);
    return columns;
  }

  #column(samples) {
    const real = Float64Array.from(samples, (x, i) => x * this.window[i]);
    const imaginary = new Float64Array(this.n);
    fft(real, imaginary);
    const power = (i) => (real[i] ** 2 + imaginary[i] ** 2) * (4 / this.n) ** 2;
    return Uint8Array.from({ length: ROWS }, (_, row) => {
      const first = Math.floor(this.edges[row]);
      const last = Math.max(first + 1, Math.floor(this.edges[row + 1]));
      let most = 1e-12;
      for (let i = first; i < last; i++) most = Math.max(most, power(i));
      const share = (10 * Math.log10(most) - FLOOR_DB) / RANGE_DB;
      return 255 * Math.max(0, Math.min(1, share));
    });
  }
}

/** Fourier transform in place; the length is a power of two. Cooley and Tukey (1965). */
export function fft(real, imaginary) {
  const n = real.length;
  for (let i = 1, j = 0; i < n; i++) {
    let bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) {
      [real[i], real[j]] = [real[j], real[i]];
      [imaginary[i], imaginary[j]] = [imaginary[j], imaginary[i]];
    }
  }
  for (let half = 1; half < n; half *= 2) {
    for (let k = 0; k < half; k++) {
      const [c, s] = [Math.cos((-Math.PI * k) / half), Math.sin((-Math.PI * k) / half)];
      for (let i = k; i < n; i += 2 * half) {
        const j = i + half;
        const re = real[j] * c - imaginary[j] * s;
        const im = real[j] * s + imaginary[j] * c;
        [real[j], imaginary[j]] = [real[i] - re, imaginary[i] - im];
        real[i] += re;
        imaginary[i] += im;
      }
    }
  }
}

/** A canvas that is as sharp as the screen, empty, in CSS pixels. */
export function prepared(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const scale = window.devicePixelRatio;
  [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
  const pen = canvas.getContext("2d");
  pen.scale(scale, scale);
  return { pen, style: getComputedStyle(canvas), width, height };
}

/** Columns of a `Spectrum` in a box [x, y, width, height] that has room for n; the newest right. */
export function drawSpectrogram(pen, style, columns, n, box) {
  const colours = palette(STOPS.map((stop) => style.getPropertyValue(`--spectrum-${stop}`)));
  const image = new ImageData(n, ROWS);
  const pixels = new Uint32Array(image.data.buffer).fill(colours[0]);
  const first = n - columns.length;
  columns.forEach((column, i) => {
    for (let row = 0; row < ROWS; row++) pixels[(ROWS - 1 - row) * n + first + i] = colours[column[row]];
  });
  const picture = new OffscreenCanvas(n, ROWS);
  picture.getContext("2d").putImageData(image, 0, 0);
  pen.drawImage(picture, ...box);
}

/** 256 colours, from that of silence to that of the loudest, as the pixels of an image. */
function palette(stops) {
  const key = stops.join();
  if (!palettes.has(key)) palettes.set(key, blended(stops));
  return palettes.get(key);
}

function blended(stops) {
  const pen = new OffscreenCanvas(256, 1).getContext("2d");
  const gradient = pen.createLinearGradient(0, 0, 256, 0);
  stops.forEach((stop, i) => gradient.addColorStop(i / (stops.length - 1), stop));
  pen.fillStyle = gradient;
  pen.fillRect(0, 0, 256, 1);
  return new Uint32Array(pen.getImageData(0, 0, 256, 1).data.buffer);
}
