import type { Limits } from '../limits.js';
import type { XmlHandler } from './feed.js';

/** All elements with one path of names. */
export interface Place {
  path: string[];
  count: number;
  /** Elements inside, their attributes, and whether any has text of its own. */
  children: Map<string, Place>;
  attributes: Set<string>;
  text: boolean;
}

// Records repeat; what has more different paths is not a table.
const MOST_PLACES = 50_000;

/** Counts the elements of a document by path. */
export class XmlSurvey implements XmlHandler {
  readonly root: Place = newPlace([]);
  overflow = false;
  private readonly stack: Place[] = [this.root];
  private places = 0;

  constructor(private readonly limits: Limits) {}

  open(name: string, attributes: Record<string, string>): void {
    const parent = this.stack[this.stack.length - 1] as Place;
    let place = parent.children.get(name);
    if (place === undefined) {
      place = newPlace([...parent.path, name]);
      if (this.places < MOST_PLACES && parent.children.size <= this.limits.columns) parent.children.set(name, place);
      else this.overflow = true;
      this.places++;
    }
    place.count++;
    for (const key in attributes) {
      if (isDeclaration(key)) continue;
      if (place.attributes.size > this.limits.columns) this.overflow = true;
      else place.attributes.add(key);
    }
    this.stack.push(place);
  }

  text(text: string): void {
    const place = this.stack[this.stack.length - 1] as Place;
    place.text ||= /\S/.test(text);
  }

  close(): void {
    this.stack.pop();
  }
}

/** Attributes that speak about the document, not about the record. */
export const isDeclaration = (attribute: string): boolean => /^(xmlns|xsi|xml)(:|$)/.test(attribute);

const newPlace = (path: string[]): Place => ({
  path,
  count: 0,
  children: new Map(),
  attributes: new Set(),
  text: false,
});

export interface XmlRecords {
  place: Place;
  evidence: string;
  confidence: number;
  others: Place[];
}

export const pathText = (place: Place): string => place.path.map((part) => `/${part}`).join('');

/** The elements that are records: those that repeat most, where nothing above them repeats. Undefined when `told` is not there. */
export function chooseRecords({ root }: XmlSurvey, told: string | undefined): XmlRecords | undefined {
  const candidates: Place[] = [];
  const visit = (place: Place): void => {
    for (const child of place.children.values()) {
      if (told !== undefined) {
        if (pathText(child) === told.replace(/^\/?/, '/').replace(/\/$/, '')) candidates.push(child);
        visit(child);
      } else if (child.count > 1) candidates.push(child);
      else visit(child);
    }
  };
  visit(root);
  if (told !== undefined) {
    const [place] = candidates;
    return place && { place, evidence: 'told', confidence: 1, others: [] };
  }
  const place = candidates.reduce<Place | undefined>(
    (a, b) => (a === undefined || rank(b) > rank(a) ? b : a),
    undefined,
  );
  if (place === undefined)
    return { place: onlyRecord(root), evidence: 'no element repeats', confidence: 0.5, others: [] };
  const others = candidates.filter((candidate) => candidate !== place);
  return {
    place,
    evidence: `${place.count} elements at ${pathText(place)}`,
    confidence: others.length === 0 ? 0.95 : 0.7,
    others,
  };
}

/** Elements that hold something are records before elements of text alone. */
const rank = (place: Place): number =>
  place.count * (place.children.size + place.attributes.size > 0 ? 1_000_000_000 : 1);

/** Of a document in which nothing repeats: the innermost element that alone holds all the rest. */
function onlyRecord(root: Place): Place {
  let place = root;
  for (;;) {
    const [child] = place.children.values();
    if (child === undefined || place.children.size > 1 || (place.path.length > 0 && child.children.size === 0))
      return place;
    place = child;
  }
}
