/** Runs where sound is rendered: collects it into chunks and hands them to the page. */
class Collector extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.chunk = new Float32Array(processorOptions.length);
    this.filled = 0;
  }

  process([[samples]]) {
    let from = 0;
    while (samples && from < samples.length) {
      const taken = samples.subarray(from, from + this.chunk.length - this.filled);
      this.chunk.set(taken, this.filled);
      this.filled += taken.length;
      from += taken.length;
      if (this.filled === this.chunk.length) {
        this.port.postMessage(this.chunk.slice());
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("collector", Collector);
