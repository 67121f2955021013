// ONNX Runtime's side of `tito bench --vs peers`: a model on random input, on the CPU.
//   onnx_worker.cjs PACKAGES MODEL THREADS SHAPE...     PACKAGES: the folder of node_modules
// Speaks the line protocol of bench/worker.h. (A .cjs file, so that require() finds the package in a
// folder that is not ours.)
"use strict";
const path = require("node:path");
const readline = require("node:readline");
const { createRequire } = require("node:module");

const [packages, model, threads, ...shape] = process.argv.slice(2);
const ort = createRequire(path.join(packages, "package.json"))("onnxruntime-node");
const dims = shape.map(Number);
const baseline = process.memoryUsage().rss;

let step;
const samples = [];
let inRow = 0;

async function open() {
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ["cpu"],
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    intraOpNumThreads: Number(threads),
    interOpNumThreads: 1,
  });
  const count = dims.reduce((a, b) => a * b, 1);
  const x = new ort.Tensor("float32", Float32Array.from({ length: count }, Math.random), dims);
  const feeds = { [session.inputNames[0]]: x };
  step = () => session.run(feeds);
}

const now = () => Number(process.hrtime.bigint()) / 1e9;

// Seconds of one of `runs` runs in a row.
async function timed(runs) {
  const start = now();
  for (let i = 0; i < runs; ++i) await step();
  return (now() - start) / runs;
}

async function warmUp() {
  const start = now();
  let once = 1e9;
  for (let runs = 0; runs < 2 || now() - start < Math.min(24 * once, 0.5); ++runs)
    once = Math.min(once, await timed(1));
  return Math.max(1, Math.min(1000, Math.floor(200e-6 / once)));
}

async function answer(words) {
  if (words[0] === "run") {
    inRow = inRow || (await warmUp());
    await step();
    const end = now() + Number(words[1]);
    do samples.push((await timed(inRow)) * 1e6);
    while (now() < end);
    return "done";
  }
  samples.sort((a, b) => a - b);
  const peak = Math.max(process.resourceUsage().maxRSS * 1024 - baseline, 0);
  return [samples[0], samples[Math.floor(samples.length / 2)], samples.length * inRow, peak].join(" ");
}

(async () => {
  await open();
  console.log("ready");
  for await (const line of readline.createInterface({ input: process.stdin }))
    console.log(await answer(line.split(" ")));
})().catch((error) => {
  console.error(`onnx_worker: ${error.message}`);
  process.exit(1);
});
