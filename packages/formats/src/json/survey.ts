import type { Scalar, TokenHandler } from './tokens.js';

/** What stands at one path of a document: a container that objects alone lead to. */
export interface Place {
  path: string[];
  kind: 'object' | 'array';
  /** Children by kind. */
  objects: number;
  arrays: number;
  scalars: number;
  /** Keys of the child objects, in order of first appearance, and how often any was given. */
  keys: Set<string>;
  keysGiven: number;
  /** An object's own keys. */
  own: Set<string>;
  /** Most elements of a child list, and the first of them while they are strings. */
  widest: number;
  names: string[] | undefined;
  /** There were more keys than could be kept. */
  overflow: boolean;
}

// Places beyond are the entries of a map, which its own place counts.
const MOST_PLACES = 1000;
// Of all places together, so that hostile keys cannot fill the memory.
const MOST_KEY_CHARS = 8 * 1024 * 1024;

/** Notes every place where records may stand, and the keys they have. Bounded: keys by `mostKeys`, places by number. */
export class Survey implements TokenHandler {
  readonly places: Place[] = [];
  /** Documents after each other, as in NDJSON. */
  readonly stream: Place = newPlace([], 'array');
  private readonly stack: (Place | undefined)[] = [];
  private current = '';
  private keyChars = 0;
  /** The list in a list whose elements are being counted. */
  private list: Place | undefined;
  private listDepth = -1;
  private elements = 0;

  constructor(private readonly mostKeys: number) {}

  start(container: 'object' | 'array'): void {
    const depth = this.stack.length;
    const parent = depth === 0 ? this.stream : this.stack[depth - 1];
    if (parent !== undefined) {
      if (container === 'object') parent.objects++;
      else parent.arrays++;
      if (container === 'array' && parent.kind === 'array') this.beginList(parent, depth + 1);
    }
    if (depth === this.listDepth) this.element(undefined);
    this.stack.push(this.placeFor(container, depth, parent));
  }

  end(): void {
    if (this.stack.pop() === undefined && this.stack.length < this.listDepth) this.listDepth = -1;
  }

  key(key: Scalar): void {
    const depth = this.stack.length;
    const place = this.stack[depth - 1];
    const parent = depth === 1 ? this.stream : this.stack[depth - 2];
    if (place === undefined && parent === undefined) return;
    const text = key.text();
    this.current = text;
    if (place?.kind === 'object') this.note(place, place.own, text);
    if (parent !== undefined) {
      parent.keysGiven++;
      this.note(parent, parent.keys, text);
    }
  }

  scalar(value: Scalar): void {
    if (this.stack.length === this.listDepth) this.element(value);
    const parent = this.stack.length === 0 ? this.stream : this.stack[this.stack.length - 1];
    if (parent !== undefined) parent.scalars++;
  }

  /** Forgets what is open, after a line that ended inside a value. */
  abandon(): void {
    this.stack.length = 0;
    this.listDepth = -1;
  }

  get isEmpty(): boolean {
    const { objects, arrays, scalars } = this.stream;
    const [root] = this.places;
    const bare = root !== undefined && root.kind === 'array' && root.objects + root.arrays + root.scalars === 0;
    return objects + arrays + scalars === 0 || (bare && this.stream.arrays === 1);
  }

  private placeFor(container: 'object' | 'array', depth: number, parent: Place | undefined): Place | undefined {
    if (depth > 0 && (parent === undefined || parent.kind === 'array')) return undefined;
    // Only the first document can hold its records somewhere inside.
    if (this.places.length >= MOST_PLACES || (depth === 0 && this.places.length > 0)) return undefined;
    const path = depth === 0 ? [] : [...(parent as Place).path, this.current];
    const place = newPlace(path, container);
    this.places.push(place);
    return place;
  }

  private beginList(parent: Place, depth: number): void {
    this.list = parent;
    this.listDepth = depth;
    this.elements = 0;
    if (parent.arrays === 1) parent.names = [];
  }

  private element(value: Scalar | undefined): void {
    const { list } = this;
    if (list === undefined) return;
    this.elements++;
    list.widest = Math.max(list.widest, this.elements);
    if (list.arrays > 1 || list.names === undefined) return;
    if (value?.kind === 'string' && this.elements <= this.mostKeys) list.names.push(value.text());
    else list.names = undefined;
  }

  private note(place: Place, keys: Set<string>, key: string): void {
    if (keys.has(key)) return;
    this.keyChars += key.length;
    if (keys.size < this.mostKeys && this.keyChars <= MOST_KEY_CHARS) keys.add(key);
    else place.overflow = true;
  }
}

const newPlace = (path: string[], kind: Place['kind']): Place => ({
  path,
  kind,
  objects: 0,
  arrays: 0,
  scalars: 0,
  keys: new Set(),
  keysGiven: 0,
  own: new Set(),
  widest: 0,
  names: undefined,
  overflow: false,
});
