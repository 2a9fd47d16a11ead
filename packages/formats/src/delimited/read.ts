import { tooLarge } from '../container/spool.js';
import { decodeEnd } from '../encoding/decode.js';
import type { LineOffsets } from '../encoding/lines.js';
import { formatError } from '../errors.js';
import type { Decoder, FormatInput, TableBatch, Warning } from '../types.js';
import { footerWarning, warning } from '../warnings.js';
import type { Footer } from './footer.js';
import type { Scanner } from './scan.js';

// A table whose rows are largely in another encoding was misread as a whole.
const MOST_BAD_ENCODING = 0.05;
// Fewer may be the worst part of a long file that is otherwise right.
const FEWEST_BAD_ENCODING = 100;

export interface ReadPlan {
  input: FormatInput;
  /** Bytes of the byte order mark. */
  bom: number;
  /** Bytes of decoded text before the first row. */
  skip: number;
  footer: Footer | undefined;
  decoder: Decoder;
  scanner: Scanner;
  /** Where lines stand in the source, when offsets of the decoded text do not say. */
  offsets: LineOffsets | undefined;
  warnings: Warning[];
}

/** Reads the rows of a delimited table in batches. What it notices on the way is in `warnings` when it ends. */
export async function* readBatches(plan: ReadPlan, signal?: AbortSignal): AsyncGenerator<TableBatch> {
  const { input, decoder, scanner, offsets, footer } = plan;
  const { source, limits } = input;
  let toSkip = plan.skip;
  let mark = plan.bom;
  let bytes = 0;
  for await (const chunk of source.chunks()) {
    if (signal?.aborted) {
      throw formatError('read.aborted', `reading ${source.name} was aborted`, { file: source.name }, signal.reason);
    }
    const wanted = footer === undefined ? chunk : chunk.subarray(0, Math.max(0, footer.offset - bytes));
    bytes += chunk.length;
    if (bytes > limits.bytes) throw tooLarge(source.name, limits.bytes);
    offsets?.add(wanted);
    const decoded = decoder.decode(mark === 0 ? wanted : wanted.subarray(mark), false);
    mark = 0;
    const skipped = Math.min(toSkip, decoded.length);
    toSkip -= skipped;
    scanner.push(skipped === 0 ? decoded : decoded.subarray(skipped), false);
    yield* scanner.take();
    checkEncoding(plan, false);
  }
  scanner.push(decodeEnd(decoder).subarray(toSkip), true);
  checkEncoding(plan, true);
  plan.warnings.push(...scanWarnings(scanner, footer));
  yield* scanner.take();
}

function checkEncoding({ input, decoder, scanner, offsets }: ReadPlan, last: boolean): void {
  const { badEncoding, firstBadLine, firstBadOffset } = scanner.counts;
  if (badEncoding === 0 || (badEncoding < FEWEST_BAD_ENCODING && !last)) return;
  if (badEncoding <= (scanner.rows + scanner.rejectedRows) * MOST_BAD_ENCODING) return;
  const { name } = input.source;
  const offset = decoder.encoding === 'utf-8' ? firstBadOffset : offsets?.offsetOf(firstBadLine);
  throw formatError(
    'encoding.invalid',
    `${name} is not ${decoder.encoding} throughout: ${badEncoding} row(s) hold bytes that are not, the first on line ${firstBadLine}` +
      `${offset === undefined ? '' : ` at byte ${offset}`}; export it in one encoding, or name its encoding. ` +
      `文件编码不一致，首处在第 ${firstBadLine} 行`,
    { file: name, line: firstBadLine, encoding: decoder.encoding, ...(offset === undefined ? {} : { offset }) },
  );
}

function scanWarnings({ counts, line }: Scanner, footer: Footer | undefined): Warning[] {
  const warnings: Warning[] = [];
  if (counts.repairedQuotes > 0) {
    warnings.push(
      warning(
        'rows.quotes',
        `${counts.repairedQuotes} 行的引号不成对（首处在第 ${counts.firstRepair} 行），已在字段数相符时按普通文字读取`,
        `${counts.repairedQuotes} row(s), the first on line ${counts.firstRepair}, have quotes that do not pair; they were read as text where that gives the right number of fields`,
      ),
    );
  }
  if (counts.repairedDelimiters > 0) {
    warnings.push(
      warning(
        'rows.delimiter',
        `${counts.repairedDelimiters} 行使用了与其他行不同的分隔符`,
        `${counts.repairedDelimiters} row(s) use another delimiter than the rest`,
      ),
    );
  }
  if (counts.realigned > 0) {
    warnings.push(
      warning(
        'rows.fields',
        `${counts.realigned} 行多了或少了分隔符（首处在第 ${counts.firstRealigned} 行），已按唯一符合各列内容的方式读取`,
        `${counts.realigned} row(s), the first on line ${counts.firstRealigned}, have a delimiter too many or too few; they were read in the only way in which every cell fits its column`,
      ),
    );
  }
  if (footer !== undefined) warnings.push(footerWarning(line, footer.notes + footer.totals));
  return warnings;
}
