#!/usr/bin/env node
/**
 * Fuzzes each parser, guided by which of its branches ran:
 *
 *   npm run build && node tests/fuzz/run.mjs [TARGET…] [--seconds N] [--inputs N] [--seed N] [--keep DIR]
 *   node tests/fuzz/run.mjs TARGET --input FILE
 *
 * An input must end in canonical rows or in an error of a known code (`oracle.mjs`), and within twenty seconds. What does not is written to DIR
 * (a temporary folder when left out) and told; exit code 1. `--input` runs one such file again. Seconds and inputs are the most for each target.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { TARGETS } from './targets.mjs';

// An input has at most 16 KiB, which is read in milliseconds.
const HANGS_MS = 20_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string', default: '60' },
    inputs: { type: 'string', default: 'Infinity' },
    seed: { type: 'string', default: '1' },
    keep: { type: 'string' },
    input: { type: 'string' },
  },
});
const names = positionals.length > 0 ? positionals : Object.keys(TARGETS);
const unknown = names.filter((name) => !(name in TARGETS));
if (unknown.length > 0) {
  console.error(`no target ${unknown.join(', ')}; there are ${Object.keys(TARGETS).join(', ')}`);
  process.exit(2);
}
const folder = values.keep ?? mkdtempSync(join(tmpdir(), 'songhua-fuzz-'));
mkdirSync(folder, { recursive: true });

/** Runs one target until its time is over; what it found, each problem once. */
async function fuzz(name, seed) {
  const problems = new Map();
  let progress = { runs: 0, corpus: 0, places: 0 };
  // Loading takes as long as it takes.
  let last = Number.POSITIVE_INFINITY;
  const worker = new Worker(new URL('./worker.mjs', import.meta.url), {
    workerData: { name, seed, folder, most: Number(values.inputs), replay: values.input && readFileSync(values.input) },
  });
  const ended = new Promise((resolve) => worker.once('exit', resolve));
  const found = (problem, bytes) => {
    // Where it was thrown tells problems apart; what the message quotes does not.
    const kind = problem
      .split('\n')
      .slice(0, 3)
      .join(' ')
      .replaceAll(/\d+|".*"/g, '…');
    if (problems.has(kind)) return;
    const path = join(folder, `${name}-${problems.size + 1}`);
    writeFileSync(path, bytes);
    problems.set(kind, path);
    console.log(`${name}: ${problem.slice(0, 1000)}\n  input: ${path}`);
  };
  worker.on('message', (message) => {
    last = Date.now();
    if (message.type === 'progress') progress = message;
    else found(message.problem, message.bytes);
  });
  worker.once('error', (error) =>
    found(`the process broke: ${error.stack}`, readFileSync(join(folder, `${name}.input`))),
  );
  const started = Date.now();
  let over = false;
  void ended.then(() => {
    over = true;
  });
  while (!over && Date.now() - started < Number(values.seconds) * 1000) {
    await Promise.race([ended, after(500)]);
    // The worker tells more often that it goes on.
    if (Date.now() - last > HANGS_MS) {
      found(`no end within ${HANGS_MS / 1000} s`, readFileSync(join(folder, `${name}.input`)));
      break;
    }
  }
  await worker.terminate();
  return { seconds: (Date.now() - started) / 1000, problems, ...progress };
}

let failed = false;
for (const name of names) {
  const { runs, seconds, corpus, places, problems } = await fuzz(name, Number(values.seed));
  failed ||= problems.size > 0;
  console.log(
    `${name}: ${runs} inputs in ${seconds.toFixed(0)} s, ${corpus} kept, ${places} places and counts reached, ${problems.size} problems`,
  );
}
if (!failed && values.keep === undefined) rmSync(folder, { recursive: true });
process.exit(failed ? 1 : 0);
