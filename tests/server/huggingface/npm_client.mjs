// Runs in node with @huggingface/inference: calls its client, as told. The first argument is the
// folder that has the package.
//
// A line in: {"method": ..., "path": ..., "arguments": {...}, "options": {...}}. A line out:
// {"result": ...}, or {"error": the class, "status": ..., "message": ...}.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const { InferenceClient } = createRequire(`${process.argv[2]}/`)("@huggingface/inference");

async function answer({ token, method, path, inputs, endpointUrl, more, options }) {
  const client = new InferenceClient(token);
  const given = path ? new Blob([readFileSync(path)]) : inputs;
  try {
    return { result: await client[method]({ endpointUrl, inputs: given, ...more }, options) };
  } catch (problem) {
    return {
      error: problem.constructor.name,
      status: problem.httpResponse?.status,
      message: problem.message,
    };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line))));
}
