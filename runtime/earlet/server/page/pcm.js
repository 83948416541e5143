export const RATE = 16_000; // Hz: what the networks listen at
const HEADER_BYTES = 44; // RIFF, fmt and data, each with its length

/** Samples from -1..1 as 16-bit integers; what is louder is clipped. */
export function int16(samples) {
  return Int16Array.from(samples, (x) => Math.round(32767 * Math.max(-1, Math.min(1, x))));
}

/** Mono samples as a WAV file, http://soundfile.sapp.org/doc/WaveFormat/ */
export function wav(chunks, sampleRate) {
  const data = chunks.map(int16);
  const nBytes = data.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  const header = new DataView(new ArrayBuffer(HEADER_BYTES));
  const text = (at, letters) => [...letters].forEach((c, i) => header.setUint8(at + i, c.charCodeAt(0)));
  text(0, "RIFF");
  header.setUint32(4, HEADER_BYTES - 8 + nBytes, true);
  text(8, "WAVEfmt ");
  header.setUint32(16, 16, true); // bytes of fmt
  header.setUint16(20, 1, true); // PCM
  header.setUint16(22, 1, true); // channels
  header.setUint32(24, sampleRate, true);
  header.setUint32(28, 2 * sampleRate, true); // bytes a second
  header.setUint16(32, 2, true); // bytes a frame
  header.setUint16(34, 16, true); // bits a sample
  text(36, "data");
  header.setUint32(40, nBytes, true);
  return new Blob([header, ...data], { type: "audio/wav" });
}

/** The samples of a file that the browser can decode, mono at `RATE`; rejected if it cannot. */
export async function decoded(file) {
  const sound = await new OfflineAudioContext(1, 1, RATE).decodeAudioData(await file.arrayBuffer());
  const mono = new OfflineAudioContext(1, sound.length, RATE); // mixes the channels
  const source = new AudioBufferSourceNode(mono, { buffer: sound });
  source.connect(mono.destination);
  source.start();
  return (await mono.startRendering()).getChannelData(0);
}
