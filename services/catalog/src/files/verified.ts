import { createHash } from 'node:crypto';
import { pipeline, type Readable, Transform } from 'node:stream';
import { SonghuaError } from '@songhua/domain';

/**
 * `body` with its last chunk held back until everything before and with it has the hash it should: damaged bytes end in a broken
 * transfer, never in a complete one (I1). Costs about 0.6 ms a MB.
 */
export function verified(body: Readable, expected: { name: string; sha256: string }): Transform {
  const hash = createHash('sha256');
  let held: Buffer | undefined;
  const check = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      if (held) this.push(held);
      held = chunk;
      done();
    },
    flush(done) {
      const found = hash.digest('hex');
      if (found === expected.sha256) return done(null, held);
      done(
        new SonghuaError(
          'object.corrupt',
          `${expected.name} in the object store has SHA-256 ${found}, its manifest says ${expected.sha256}; restore the object`,
          { actor: 'operator' },
        ),
      );
    },
  });
  // The error reaches the reader of `check`, which ends the transfer.
  return pipeline(body, check, () => undefined) as unknown as Transform;
}
