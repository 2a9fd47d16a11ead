import { createReadStream } from 'node:fs';

/** A row with cells that do not fit their columns; `first` is the position of the first of the `wrong` ones. */
export interface Misfit {
  row: number;
  first: number;
  wrong: number;
}

/** The misfits that `Tables.profile` left at `path`, in the order of their rows, in pieces. */
export async function* readMisfits(path: string): AsyncGenerator<Misfit[]> {
  let rest = '';
  for await (const chunk of createReadStream(path, { encoding: 'latin1' })) {
    const lines = `${rest}${chunk as string}`.split('\n');
    rest = lines.pop() ?? '';
    yield lines.map((line) => {
      const [row = 0, first = 0, wrong = 0] = line.split(',').map(Number);
      return { row, first, wrong };
    });
  }
}
