import { byId } from "./elements.js";

/** What is said where it is silent. */
export const SILENT = "The server does not answer. Is earlet serve still running?";
const UNREADABLE = "The file cannot be read: it is a folder, or was changed since it was picked.";
const KEY = "token"; // in the storage of this tab

/** The server's answer to a request that it did not fulfil, or its silence. */
export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The address of a path, also where a proxy serves the page under a prefix. */
export const address = (path) => new URL(path, document.baseURI);

/** What the user gave as token, if the server asked for one. */
export const token = () => sessionStorage.getItem(KEY);

let asking = null; // for the token: one dialog, for whatever waits for it

/** Ask the server; whoever has no token yet is asked for it.
 *
 * @throws {Refusal} with one line for the user; AbortError where `options.signal` says so.
 */
export async function ask(path, options = {}) {
  if (!(await isReadable(options.body))) throw new Refusal(0, UNREADABLE);
  for (;;) {
    const answer = await send(path, options);
    if (answer.ok) return answer;
    if (answer.status !== 401) throw new Refusal(answer.status, await reason(answer));
    await (asking ??= askForToken().finally(() => (asking = null)));
  }
}

async function send(path, options) {
  const headers = new Headers(options.headers);
  if (token()) headers.set("Authorization", `Bearer ${token()}`);
  try {
    return await fetch(address(path), { ...options, headers });
  } catch (problem) {
    if (problem.name === "AbortError") throw problem;
    throw new Refusal(0, SILENT);
  }
}

/** Whether the files can be read that are to be sent; to `fetch`, they would be a network that fails. */
async function isReadable(body) {
  const parts = body instanceof FormData ? [...body.values()] : [body];
  const files = parts.filter((part) => part instanceof Blob);
  const read = await Promise.allSettled(files.map((file) => file.slice(0, 1).arrayBuffer()));
  return read.every(({ status }) => status === "fulfilled");
}

/** The one line in an error, in the shape of either API. */
async function reason(answer) {
  const text = await answer.text();
  try {
    const { error } = JSON.parse(text);
    return error.message ?? error;
  } catch {
    return `The server answered ${answer.status} ${answer.statusText}`.trim();
  }
}

/** Let the user type the token. */
function askForToken() {
  const [dialog, form, value] = ["token", "token-form", "token-value"].map(byId);
  byId("token-wrong").hidden = !token();
  form.reset();
  dialog.showModal();
  return new Promise((resolve, reject) => {
    form.onsubmit = (event) => {
      event.preventDefault();
      sessionStorage.setItem(KEY, value.value.trim());
      dialog.onclose = null;
      dialog.close();
      resolve();
    };
    const closed = "This server answers only with its token: load the page again to type it.";
    dialog.onclose = () => reject(new Refusal(401, closed));
  });
}

/** POST a value as JSON; returns that of the answer. */
export async function askJson(path, value, signal) {
  const headers = { "Content-Type": "application/json" };
  return (await ask(path, { method: "POST", headers, body: JSON.stringify(value), signal })).json();
}

/** The labels of a sound or a picture, with their scores. */
export async function classifyFile(model, file, signal) {
  const headers = { "Content-Type": file.type || "application/octet-stream" };
  return (await ask(`models/${model}`, { method: "POST", headers, body: file, signal })).json();
}

/** The transcript of a sound in one of the formats of the OpenAI API. */
export function transcribe(model, file, format, signal) {
  const body = new FormData();
  body.append("file", file, file.name || "sound.wav");
  body.append("model", model);
  body.append("response_format", format);
  return ask("v1/audio/transcriptions", { method: "POST", body, signal });
}
