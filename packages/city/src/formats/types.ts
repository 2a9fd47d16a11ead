import type { DatasetPlan, Part } from '../types.js';

/** How the files of a dataset are written. One file here for each format; a dataset names its format. */
export interface SourceFormat {
  /** Also the file extension. */
  name: string;
  mediaType: string;
  /** A file's bytes in pieces of moderate size; what is broken about the dataset's source shows in them. */
  encode(plan: DatasetPlan, part: Part): Iterable<Buffer>;
}
