import { emptySource, formatError } from '../errors.js';
import type { Place, Survey } from './survey.js';

/** Where the records of a document are and what each of them is. */
export interface Records {
  place: Place;
  /** `stream`: documents after each other; `array`: its elements; `map`: an object's values, with their keys; `single`: one object. */
  mode: 'stream' | 'array' | 'map' | 'single';
  evidence: string;
  confidence: number;
  /** Arrays of objects elsewhere, which are not read. */
  others: Place[];
}

// What programs call the list of records they answer with.
const USUAL =
  /^(data|records?|rows?|items?|lists?|results?|features|values?|datas|data_?list|record_?list|content|entries)$/i;
// The values of a map have the same keys; an object of different things has not.
const ALIKE = 0.6;
const FEWEST_IN_MAP = 2;
// Paths that a message names.
const MOST_SHOWN = 10;

const count = (place: Place): number => place.objects + place.arrays + place.scalars;

export const pathText = (path: string[]): string => path.map((part) => `/${part}`).join('');

/** Finds the records of a document, or what was told about them. Throws `records.missing`. */
export function chooseRecords(survey: Survey, name: string, told: string | undefined, lines: boolean): Records {
  const { places, stream } = survey;
  if (told !== undefined && told !== '') return toldRecords(places, name, told);
  if (lines || count(stream) > 1) {
    return {
      place: stream,
      mode: 'stream',
      evidence: `${count(stream)} values after each other`,
      confidence: 0.95,
      others: [],
    };
  }
  const [root] = places;
  if (root === undefined) throw missing(name, '', places);
  if (root.kind === 'array') return asArray(root, []);
  const arrays = places.filter((place) => place.kind === 'array' && place.objects + place.arrays > 0);
  const maps = places.filter(isMap);
  const best = arrays.reduce<Place | undefined>((a, b) => (a === undefined || isBetter(b, a) ? b : a), undefined);
  const map = maps.find((place) => best === undefined || isInside(best, place));
  if (map !== undefined) {
    return {
      place: map,
      mode: 'map',
      evidence: `${map.objects} objects with the same keys`,
      confidence: 0.8,
      others: [],
    };
  }
  if (best === undefined) {
    // An answer whose list is empty has no records; its count and message are none either.
    if (places.some((place) => place.kind === 'array' && isUsual(place) && count(place) === 0)) throw emptySource(name);
    return { place: root, mode: 'single', evidence: 'one object without a list', confidence: 0.5, others: [] };
  }
  return asArray(
    best,
    arrays.filter((place) => place !== best && place.objects > 0),
  );
}

function toldRecords(places: Place[], name: string, told: string): Records {
  const wanted = told.replace(/^\/?/, '/').replace(/\/$/, '');
  const place = places.find((p) => pathText(p.path) === wanted);
  if (place === undefined) throw missing(name, told, places);
  const mode =
    place.kind === 'array' ? 'array' : place.objects > 0 && place.scalars + place.arrays === 0 ? 'map' : 'single';
  return { place, mode, evidence: 'told', confidence: 1, others: [] };
}

const asArray = (place: Place, others: Place[]): Records => ({
  place,
  mode: 'array',
  evidence: `${count(place)} values in the list at ${JSON.stringify(pathText(place.path))}`,
  confidence: others.length === 0 ? 0.95 : 0.7,
  others,
});

const isUsual = (place: Place): boolean => USUAL.test(place.path.at(-1) ?? '');

function isBetter(a: Place, b: Place): boolean {
  if (isUsual(a) !== isUsual(b)) return isUsual(a);
  return a.objects + a.arrays > b.objects + b.arrays;
}

function isMap({ kind, objects, arrays, scalars, keys, keysGiven }: Place): boolean {
  if (kind !== 'object' || objects < FEWEST_IN_MAP || arrays + scalars > 0 || keys.size === 0) return false;
  return keysGiven / (keys.size * objects) > ALIKE;
}

const isInside = (inner: Place, outer: Place): boolean =>
  inner.path.length > outer.path.length && outer.path.every((part, i) => inner.path[i] === part);

function missing(name: string, told: string, places: Place[]): Error {
  const lists = places
    .filter((place) => place.kind === 'array' || isMap(place))
    .map((place) => JSON.stringify(pathText(place.path)));
  const shown = lists.slice(0, MOST_SHOWN).join(', ') || 'nowhere';
  return formatError(
    'records.missing',
    `${name} has no records${told === '' ? '' : ` at ${JSON.stringify(told)}`}; records may be at ${shown}: name one of them in recordPath. 没有找到记录，recordPath 可为：${shown}`,
    { file: name },
  );
}
