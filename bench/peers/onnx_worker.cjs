// ONNX Runtime's side of `tito bench --vs peers`: a model on random input, on the CPU.
//   onnx_worker.cjs PACKAGES MODEL THREADS SHAPE...     PACKAGES: the folder of node_modules
// Speaks the line protocol of bench/worker.h. (A .cjs file, so that require() finds the package in a
// folder that is not ours.)
"use strict";
const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");
const { createRequire } = require("node:module");

const [packages, model, threads, ...shape] = process.argv.slice(2);
// The binding below the package's interface, which would go through the event loop for each run: 4 us.
const load = createRequire(path.join(packages, "package.json"));
const ort = load("onnxruntime-node");
const { binding, initOrt } = load("onnxruntime-node/dist/binding");
const dims = shape.map(Number);
process.on("SIGINT", () => {}); // `tito bench` ends its workers by itself

// VmRSS or VmHWM, the peak. (getrusage's peak begins with that of the process before exec.)
function statusBytes(name) {
  const line = fs.readFileSync("/proc/self/status", "utf8").match(new RegExp(`^${name}:\\s+(\\d+)`, "m"));
  return Number(line[1]) * 1024;
}
const baseline = statusBytes("VmRSS");

let step;
const samples = [];
let inRow = 0;

function open() {
  initOrt();
  const session = new binding.InferenceSession();
  session.loadModel(model, {
    executionProviders: ["cpu"],
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    intraOpNumThreads: Number(threads),
    interOpNumThreads: 1,
  });
  const count = dims.reduce((a, b) => a * b, 1);
  const x = new ort.Tensor("float32", Float32Array.from({ length: count }, Math.random), dims);
  const feeds = { [session.inputMetadata[0].name]: x };
  const fetches = { [session.outputMetadata[0].name]: null };
  step = () => session.run(feeds, fetches, {});
}

const now = () => Number(process.hrtime.bigint()) / 1e9;

// Seconds of one of `runs` runs in a row.
function timed(runs) {
  const start = now();
  for (let i = 0; i < runs; ++i) step();
  return (now() - start) / runs;
}

function warmUp() {
  const start = now();
  let once = 1e9;
  for (let runs = 0; runs < 2 || now() - start < Math.min(24 * once, 0.5); ++runs)
    once = Math.min(once, timed(1));
  return Math.max(1, Math.min(1000, Math.floor(200e-6 / once)));
}

function answer(words) {
  if (words[0] === "run") {
    inRow = inRow || warmUp();
    step();
    const end = now() + Number(words[1]);
    do samples.push(timed(inRow) * 1e6);
    while (now() < end);
    return "done";
  }
  samples.sort((a, b) => a - b);
  const peak = Math.max(statusBytes("VmHWM") - baseline, 0);
  return [samples[0], samples[Math.floor(samples.length / 2)], samples.length * inRow, peak].join(" ");
}

(async () => {
  open();
  console.log("ready");
  for await (const line of readline.createInterface({ input: process.stdin }))
    console.log(answer(line.split(" ")));
})().catch((error) => {
  console.error(`onnx_worker: ${error.message}`);
  process.exit(1);
});
