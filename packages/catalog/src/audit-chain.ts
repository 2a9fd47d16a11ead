import { createHash } from 'node:crypto';
import type { AUDIT_FAULTS, AuditHead, AuditVerdict } from '@songhua/contracts';

/** One row as it lies in the database. `text` is what its hash covers besides `prevHash`. */
export interface ChainRow {
  sequence: number;
  prevHash: Buffer | null;
  hash: Buffer;
  text: Buffer;
  /** Written when numbers were drawn from a sequence of the database, which left gaps. */
  mayLeaveGap?: boolean;
}

/** The hash that a row must have: of the hash before it and its own text. */
export function chainHash(prevHash: Buffer | null, text: Buffer): Buffer {
  const hash = createHash('sha256');
  if (prevHash) hash.update(prevHash);
  return hash.update(text).digest();
}

type Bad = NonNullable<AuditVerdict['bad']>;
const bad = (sequence: number, fault: (typeof AUDIT_FAULTS)[number], message: string): Bad => ({
  sequence,
  fault,
  message,
});

/**
 * Walks the log from its first row and stops at the first that is wrong. `anchors` are heads noted earlier: without them, rows cut
 * off at the end and a log rewritten from some row on cannot be seen. `locate` finds the row with a hash; asked once, for the diagnosis.
 * `cut`: the row behind which the log begins, where the collector cut it; it must be one that was noted.
 */
export async function verifyChain(
  pages: AsyncIterable<ChainRow[]>,
  anchors: readonly AuditHead[],
  locate: (hash: Buffer) => Promise<number | undefined>,
  cut?: { sequence: number; hash: Buffer },
): Promise<AuditVerdict> {
  const before = cut?.sequence ?? 0;
  const noted = [...anchors].filter((anchor) => anchor.sequence > before).sort((a, b) => a.sequence - b.sequence);
  let next = 0;
  let count = 0;
  let last = cut;
  const verdict = (wrong: Bad | null): AuditVerdict => ({
    ok: wrong === null,
    count,
    head: { sequence: last?.sequence ?? 0, hash: last?.hash.toString('hex') ?? '' },
    anchors: noted.length,
    bad: wrong,
  });

  if (cut && !vouched(cut, anchors))
    return verdict(
      bad(
        1,
        'removed',
        `rows 1 to ${cut.sequence} were cut off, and the last of them is not among the heads that were noted`,
      ),
    );
  for await (const page of pages) {
    for (const row of page) {
      if (!chainHash(row.prevHash, row.text).equals(row.hash))
        return verdict(bad(row.sequence, 'edited', `row ${row.sequence} does not have the hash of what it says`));
      const linked = last ? row.prevHash?.equals(last.hash) === true : row.prevHash === null;
      if (!linked) return verdict(await diagnose(row, last, locate));
      // A number is in no hash: what is linked as it should be and stands elsewhere was given another.
      if (row.sequence !== (last?.sequence ?? 0) + 1 && !row.mayLeaveGap) {
        const expected = (last?.sequence ?? 0) + 1;
        return verdict(bad(expected, 'edited', `row ${expected} is numbered ${row.sequence} now`));
      }
      for (; noted[next] && (noted[next]?.sequence ?? 0) <= row.sequence; next++) {
        const { sequence, hash } = noted[next] as AuditHead;
        if (sequence !== row.sequence || hash !== row.hash.toString('hex'))
          return verdict(
            bad(
              sequence,
              'edited',
              `row ${sequence} had another hash when it was noted: it or a row before it was rewritten`,
            ),
          );
      }
      last = { sequence: row.sequence, hash: row.hash };
      count++;
    }
  }
  const missing = noted[next];
  const after = (last?.sequence ?? 0) + 1;
  return verdict(
    missing
      ? bad(
          after,
          'truncated',
          `the log ends at row ${after - 1}, but row ${missing.sequence} was noted: rows ${after} to ${missing.sequence} were cut off`,
        )
      : null,
  );
}

const vouched = (cut: { sequence: number; hash: Buffer }, anchors: readonly AuditHead[]): boolean =>
  anchors.some(({ sequence, hash }) => sequence === cut.sequence && hash === cut.hash.toString('hex'));

/** What happened to a row that does not continue the one before it. */
async function diagnose(
  row: ChainRow,
  last: { sequence: number } | undefined,
  locate: (hash: Buffer) => Promise<number | undefined>,
): Promise<Bad> {
  const { sequence } = row;
  const expected = (last?.sequence ?? 0) + 1;
  const before = row.prevHash === null ? 0 : await locate(row.prevHash);
  if (before !== undefined)
    return bad(
      sequence,
      'reordered',
      `row ${sequence} was written after the row that is now ${before}, not after ${expected - 1}`,
    );
  if (sequence > expected || !last) {
    const missing = Math.max(expected, sequence - 1);
    return bad(
      expected,
      'removed',
      `rows ${expected} to ${missing} are missing: row ${sequence} continues one that is gone`,
    );
  }
  return bad(
    last.sequence,
    'edited',
    `row ${last.sequence} was rewritten with a new hash: row ${sequence} continues another`,
  );
}
