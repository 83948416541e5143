import { SILENT, address } from "./api.js";

const CHUNK_S = 0.04; // a hop of the spotter
// As it is: what a browser does for calls is not what the networks were trained with.
const SOUND = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
const REASONS = {
  NotAllowedError: "The microphone was not allowed: allow it for this page in the browser's address bar.",
  NotFoundError: "No microphone was found: connect one and try again.",
  NotReadableError: "The microphone cannot be opened: another program may be using it.",
};

/** An open microphone: `push` is called with mono float samples, `ended` if it is unplugged.
 *
 * @returns its sample rate in Hz, and what closes it
 * @throws {Error} with one line for the user
 */
export async function openMicrophone(push, ended) {
  if (!navigator.mediaDevices) throw new Error(insecure());
  const media = await navigator.mediaDevices.getUserMedia({ audio: SOUND }).catch((cause) => {
    throw new Error(REASONS[cause.name] ?? `The microphone cannot be opened: ${cause.message}`, { cause });
  });
  let context = null;
  const close = () => {
    media.getTracks().forEach((track) => track.stop());
    if (context && context.state !== "closed") context.close();
  };
  try {
    context = new AudioContext();
    await context.audioWorklet.addModule(address("page/collector.js"));
    await context.resume();
    const collector = new AudioWorkletNode(context, "collector", {
      channelCount: 1,
      channelCountMode: "explicit", // several are mixed
      processorOptions: { length: Math.round(CHUNK_S * context.sampleRate) },
    });
    collector.port.onmessage = ({ data }) => push(data);
    // Its output is silence; only what leads to the destination is rendered everywhere.
    context.createMediaStreamSource(media).connect(collector).connect(context.destination);
  } catch (cause) {
    close();
    if (cause.name === "AbortError") throw new Error(SILENT, { cause }); // the module did not come
    throw new Error(`This browser cannot take sound from a microphone: ${cause.message}`, { cause });
  }
  media.getAudioTracks()[0].onended = ended;
  return { sampleRate: context.sampleRate, close };
}

function insecure() {
  const port = location.port || "80";
  const forward = `ssh -L ${port}:localhost:${port} ${location.hostname}`;
  return (
    "Browsers give a page the microphone only over https or on the machine itself. " +
    `Forward the port, ${forward}, and open http://localhost:${port}/; ` +
    "or record elsewhere and pick the file under Sound."
  );
}
