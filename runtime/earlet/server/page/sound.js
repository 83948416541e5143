import { Refusal, classifyFile, transcribe } from "./api.js";
import { Questions, fillModels } from "./asking.js";
import { byId, clock, make, notice, showBars } from "./elements.js";
import { openMicrophone } from "./microphone.js";
import { Overview } from "./overview.js";
import { RATE, decoded, wav } from "./pcm.js";

const UNKNOWN_KIND = 415; // status of a file that the server cannot decode
const SUFFIXES = { srt: "srt", vtt: "vtt", text: "txt" };
const KEPT_MS = 60_000; // in which the browser takes what is downloaded
const MAX_RECORDING_S = 300; // which the page holds in memory
const TASKS = ["automatic-speech-recognition", "audio-classification"];

/** A sound file or a recording, and what is in it; returns what takes a file. */
export function sound(models) {
  const [model, player] = ["sound-model", "sound-player"].map(byId);
  const overview = new Overview(byId("sound-overview"), player);
  const questions = new Questions(byId("sound-state"), byId("sound-cancel"));
  const usable = models.filter(({ task }) => TASKS.includes(task));
  let current = null;
  const sorted = TASKS.flatMap((task) => usable.filter((model) => model.task === task));
  fillModels(model, sorted, byId("sound-state"), byId("sound-record"), byId("sound-file"));

  const speaks = () => usable.find(({ name }) => name === model.value).task === TASKS[0];
  const ask = () => {
    const [line, question, shown] = speaks()
      ? ["Transcribing …", written, (answer) => segments(answer, player)]
      : ["Listening …", classifyFile, bars];
    byId("sound-answer").replaceChildren();
    player.ontimeupdate = null; // there are no lines
    byId("sound-subtitles").hidden = true;
    questions.ask(line, (signal) => understood(question, signal), (answer) => {
      byId("sound-answer").replaceChildren(shown(answer));
      byId("sound-subtitles").hidden = !speaks();
    });
  };
  /** As it is; and what only the browser can decode, as WAV. */
  const understood = async (question, signal) => {
    const file = current;
    try {
      return await question(model.value, file, signal);
    } catch (problem) {
      if (!(problem instanceof Refusal) || problem.status !== UNKNOWN_KIND) throw problem;
      const samples = await decoded(file).catch(() => {
        throw problem; // the browser cannot either
      });
      signal.throwIfAborted(); // another file may be the current one by now
      current = new File([wav([samples], RATE)], file.name, { type: "audio/wav" });
      return question(model.value, current, signal);
    }
  };
  const take = (file) => {
    current = file;
    URL.revokeObjectURL(player.src);
    player.src = URL.createObjectURL(file);
    byId("sound-result").hidden = false;
    overview.show(file);
    ask();
  };

  model.onchange = () => current && ask();
  byId("sound-subtitles").onclick = ({ target: { dataset } }) => {
    if (!dataset.format) return;
    const name = `${current.name.replace(/\.[^.]*$/, "")}.${SUFFIXES[dataset.format]}`;
    const text = async (signal) => (await transcribe(model.value, current, dataset.format, signal)).blob();
    questions.ask("Writing …", text, (file) => download(file, name));
  };
  recorder(byId("sound-record"), byId("sound-recorded"), take);
  return take;
}

const written = async (model, file, signal) => (await transcribe(model, file, "verbose_json", signal)).json();

function bars(results) {
  const list = make("ol", { className: "bars answer", ariaLabel: "What is heard" });
  showBars(list, results);
  return list;
}

/** A transcript, whose segments are buttons that play them. */
function segments({ text, segments }, player) {
  if (!text.trim()) return make("p", { className: "hint" }, "No speech was heard.");
  const buttons = segments.map(({ start, text }) => {
    const button = make("button", { type: "button" }, make("time", {}, clock(start)), text.trim());
    button.onclick = () => {
      player.currentTime = start;
      player.play();
    };
    return button;
  });
  player.ontimeupdate = () => {
    segments.forEach(({ start, end }, i) => {
      const isHeard = !player.paused && start <= player.currentTime && player.currentTime < end;
      if (isHeard) buttons[i].setAttribute("aria-current", "true");
      else buttons[i].removeAttribute("aria-current");
    });
  };
  const lines = buttons.map((button) => make("li", {}, button));
  return make("ol", { className: "segments", ariaLabel: "Transcript" }, ...lines);
}

function download(file, name) {
  const link = make("a", { href: URL.createObjectURL(file), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
}

/** A button that begins a recording, and ends it; `take` gets the file. */
function recorder(button, state, take) {
  let microphone = null;
  let chunks = [];
  let isOpening = false;
  const time = make("span", { ariaHidden: "true" }); // seen, and not read out again and again
  const records = (is) => {
    button.classList.toggle("stop", is);
    button.textContent = is ? "Stop" : "Record";
    time.textContent = "";
    state.replaceChildren(...(is ? ["Recording, ", time] : []));
  };
  const stop = () => {
    const { close, sampleRate } = microphone;
    const recorded = chunks;
    [microphone, chunks] = [null, []];
    close();
    records(false);
    const options = { type: "audio/wav" };
    if (recorded.length) take(new File([wav(recorded, sampleRate)], "recording.wav", options));
  };
  const push = (samples) => {
    if (!microphone) return;
    chunks.push(samples);
    const seconds = (chunks.length * samples.length) / microphone.sampleRate;
    time.textContent = clock(seconds);
    if (seconds >= MAX_RECORDING_S) stop();
  };
  const isSeen = () => !byId("sound-view").hidden; // nobody is recorded unseen
  const start = async () => {
    const opened = await openMicrophone(push, () => microphone && stop());
    if (!isSeen()) return opened.close(); // left while the user was asked
    microphone = opened;
    records(true);
  };
  button.onclick = async () => {
    if (microphone) return stop();
    if (isOpening) return;
    isOpening = true;
    notice();
    await start().catch((problem) => notice(problem.message));
    isOpening = false;
  };
  window.addEventListener("hashchange", () => microphone && !isSeen() && stop());
}
