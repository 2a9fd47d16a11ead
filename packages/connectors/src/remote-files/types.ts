import type { Spooled } from '@songhua/connector-sdk';

/** A file on another machine. */
export interface RemoteFile {
  /** Path below the folder or prefix, with `/`: what people see. */
  name: string;
  bytes: number;
  /** Equal text means equal content; undefined when the listing cannot tell. */
  validator: string | undefined;
  /** ISO 8601. */
  modifiedAt: string;
}

/** The files of a source, for the time of one read. */
export interface RemoteFiles {
  /** Those that the connector's path names, in any order. Throws `source.…`. */
  list(): Promise<RemoteFile[]>;
  /** Brings a file to `path`, whole or not at all: throws `source.truncated` or `source.changed-while-reading` otherwise. */
  fetch(file: RemoteFile, path: string): Promise<Spooled>;
  close(): Promise<void>;
}
