import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { Transform, type TransformCallback } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { LOGIN_PAGE } from './login-page.js';

const faultSchema = z.discriminatedUnion('kind', [
  /** Answers so, with a word of text. */
  z.strictObject({ kind: z.literal('status'), status: z.int().min(400).max(599) }),
  /** 200 and an HTML page where the file should be. */
  z.strictObject({ kind: z.literal('login-page') }),
  /** Announces the whole length and closes the connection half-way. */
  z.strictObject({ kind: z.literal('truncated') }),
  z.strictObject({ kind: z.literal('slow'), bytesPerSecond: z.int().positive() }),
  /** The whole file, spread evenly over so many seconds. */
  z.strictObject({ kind: z.literal('drip'), seconds: z.number().positive() }),
]);
/** How a served path answers other than at once and well. */
export type Fault = z.infer<typeof faultSchema>;

const commandSchema = z.strictObject({ path: z.string().startsWith('/'), fault: faultSchema.nullable() });

/** A command as `PUT /.faults` takes it, or undefined when it is none. */
export function parseFault(body: string): z.infer<typeof commandSchema> | undefined {
  try {
    return commandSchema.parse(JSON.parse(body));
  } catch {
    return undefined;
  }
}

const TICKS_PER_SECOND = 20;

async function slow(response: ServerResponse, file: string, bytesPerSecond: number): Promise<void> {
  const piece = Math.max(1, Math.floor(bytesPerSecond / TICKS_PER_SECOND));
  const brake = new Transform({
    transform(chunk: Buffer, _encoding, done: TransformCallback): void {
      wait(1000 / TICKS_PER_SECOND).then(() => done(null, chunk), done);
    },
  });
  await pipeline(createReadStream(file, { highWaterMark: piece }), brake, response);
}

async function drip(response: ServerResponse, file: string, seconds: number): Promise<void> {
  // The file as it is now, whatever is written in its place meanwhile.
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const drops = Math.max(1, Math.min(size, Math.round(seconds * TICKS_PER_SECOND)));
    const pause = (seconds * 1000) / drops;
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    await pipeline(async function* () {
      for (let drop = 0; drop < drops; drop++) {
        if (drop > 0) await wait(pause, undefined, { signal: gone.signal });
        const start = Math.floor((size * drop) / drops);
        const length = Math.floor((size * (drop + 1)) / drops) - start;
        const { buffer } = await handle.read(Buffer.alloc(length), 0, length, start);
        yield buffer;
      }
    }, response);
  } finally {
    await handle.close();
  }
}

async function truncated(response: ServerResponse, file: string, size: number): Promise<void> {
  const half = Math.floor(size / 2);
  for await (const chunk of createReadStream(file, { end: Math.max(0, half - 1) })) {
    await new Promise<void>((resolve, reject) => {
      response.write(chunk, (error) => (error ? reject(error) : resolve()));
    });
  }
  response.destroy();
}

function loginPage(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(LOGIN_PAGE);
}

/** The ways to answer so. */
export const faulty = { slow, drip, truncated, loginPage };
