import { address, token } from "./api.js";
import { openMicrophone } from "./microphone.js";
import { int16 } from "./pcm.js";

const MAX_WAITING_S = 5; // of sound that the network has not taken yet
const LAST_MS = 30_000; // after the microphone is closed, for what the server still has to say

/** The microphone, on its way through a WebSocket; what is heard comes back as events.
 *
 * `told` has `ready(message)`, `sound(samples)`, `event(message)` and `ended(line)`, whose line is
 * empty where it ended because it was to.
 */
export class Listening {
  #told;
  #microphone = null;
  #socket = null;
  #isReady = false;
  #isOver = false;
  #last; // a timer

  constructor(told) {
    this.#told = told;
  }

  /** Begin; `asked` is what is listened for. */
  async start(asked) {
    try {
      const microphone = await openMicrophone(
        (samples) => this.#send(samples),
        () => this.#end("The microphone is gone: connect it and start again."),
      );
      if (this.#isOver) return microphone.close(); // stopped while the user was asked
      this.#microphone = microphone;
    } catch (problem) {
      return this.#end(problem.message);
    }
    const url = address("v1/listen");
    url.protocol = url.protocol.replace("http", "ws");
    this.#socket = new WebSocket(url);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = () => {
      const sound = { rate: this.#microphone.sampleRate, format: "s16le", channels: 1 };
      const known = token() ? { token: token() } : {};
      this.#socket.send(JSON.stringify({ ...asked, ...sound, ...known }));
    };
    this.#socket.onmessage = ({ data }) => this.#take(JSON.parse(data));
    this.#socket.onclose = () => this.#end("The server has closed the connection.");
  }

  /** Close the microphone; what was said so far is still answered. Once is enough. */
  stop() {
    this.#microphone?.close();
    if (!this.#isReady) return this.#end("");
    if (this.#last) return;
    this.#socket.send(JSON.stringify({ type: "close" }));
    this.#last = setTimeout(() => this.#end("The server did not end the stream."), LAST_MS);
  }

  #send(samples) {
    if (!this.#isReady || this.#socket.readyState !== WebSocket.OPEN) return;
    const bytesPerSecond = 2 * this.#microphone.sampleRate;
    if (this.#socket.bufferedAmount > MAX_WAITING_S * bytesPerSecond) {
      this.#end("The server is too slow, or the network is: five seconds of sound are waiting.");
      return;
    }
    this.#told.sound(samples);
    this.#socket.send(int16(samples));
  }

  #take(message) {
    if (message.event === "ready") {
      this.#isReady = true;
      this.#told.ready({ ...message, rate: this.#microphone.sampleRate });
    } else if (message.event === "error") this.#end(message.error);
    else if (message.event === "end") this.#end("");
    else this.#told.event(message);
  }

  #end(line) {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#last);
    this.#microphone?.close();
    this.#socket?.close();
    this.#told.ended(line);
  }
}
