/** What an engine (or service) is going through; `seconds` is the time since this name's first event. */
export type Phase =
  | 'cached'
  | 'waiting'
  | 'fetching'
  | 'building'
  | 'verifying'
  | 'unpacking'
  | 'starting'
  | 'ready'
  | 'declaring'
  | 'stopping'
  | 'stopped';

export interface Progress {
  /** Engine, build or service. */
  name: string;
  phase: Phase;
  detail?: string;
  seconds: number;
}

export type OnProgress = (progress: Progress) => void;

/** A reporter for one name that adds the seconds. */
export function reporter(name: string, onProgress: OnProgress | undefined): (phase: Phase, detail?: string) => void {
  const began = performance.now();
  return (phase, detail) => {
    const seconds = Math.round(performance.now() - began) / 1000;
    onProgress?.(detail === undefined ? { name, phase, seconds } : { name, phase, detail, seconds });
  };
}
