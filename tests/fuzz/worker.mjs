import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import { mutate, randomOf } from './mutate.mjs';
import { mustRead } from './oracle.mjs';
import { TARGETS } from './targets.mjs';

const require = createRequire(import.meta.url);
const dist = fileURLToPath(new URL('../../packages/formats/dist/', import.meta.url));
const coverage = require('./coverage.cjs').count(dist);
const formats = require(join(dist, 'index.js'));

// How often the parent is told that it goes on.
const TOLD_MS = 500;
const { name, seed, folder, most, replay } = workerData;
const { seeds, words, file = (bytes) => bytes, options = {} } = TARGETS[name];
const random = randomOf(seed);
const input = join(folder, `${name}.input`);
const path = join(folder, `${name}.file`);
const seen = new Set();
const corpus = [];
let runs = 0;
let told = 0;

function tell() {
  told = Date.now();
  parentPort.postMessage({ type: 'progress', runs, corpus: corpus.length, places: seen.size });
}

/** Runs one input; keeps it when it reached what none did before. */
async function run(bytes) {
  // Where a hang or a crash of the process leaves it.
  writeFileSync(input, bytes);
  runs++;
  let problem;
  try {
    await mustRead(formats, file(bytes), { path, options: { ...options, limits: { timeMs: 5000 } } });
  } catch (error) {
    problem = error.stack ?? String(error);
  }
  let grew = false;
  for (const place of coverage.take()) {
    if (seen.has(place)) continue;
    seen.add(place);
    grew = true;
  }
  if (grew) corpus.push(bytes);
  if (problem) parentPort.postMessage({ type: 'problem', problem, bytes });
  if (Date.now() - told >= TOLD_MS || problem) tell();
}

if (replay) await run(Buffer.from(replay));
else {
  for (const bytes of seeds) await run(bytes);
  while (runs < most) {
    const pick = () => corpus[random(corpus.length)];
    await run(mutate(pick(), pick(), words, random));
  }
}
tell();
