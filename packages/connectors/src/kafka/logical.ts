import { z } from 'zod';
import { cellText, isObject, type JsonObject } from './decode.js';

/** How Kafka Connect describes a field, as far as it matters here. */
const fieldSchema = z.looseObject({
  field: z.string().optional(),
  type: z.unknown(),
  name: z.string().nullish(),
  parameters: z.record(z.string(), z.string()).nullish(),
  get fields() {
    return z.array(fieldSchema).nullish();
  },
});
export type Field = z.infer<typeof fieldSchema>;

export type Convert = (value: unknown) => string;

const MS_A_DAY = 86_400_000;
const NS_A_SECOND = 1_000_000_000n;
const SECONDS_A_DAY = 86_400n;
// Beyond this JavaScript has no dates; databases write infinity there.
const MOST_DAYS = 100_000_000n;

/** The converter of a field's logical type to text as databases write it; of other types the text of the value. */
export function converterOf(field: Field | undefined): Convert {
  const scale = field?.parameters?.scale;
  switch (field?.name) {
    case 'io.debezium.time.Date':
    case 'org.apache.kafka.connect.data.Date':
      return integer((days) => (inRange(days) ? dateText(days) : undefined));
    case 'io.debezium.time.Timestamp':
    case 'org.apache.kafka.connect.data.Timestamp':
      return integer((ms) => timestamp(ms, 1_000_000n));
    case 'io.debezium.time.MicroTimestamp':
      return integer((us) => timestamp(us, 1_000n));
    case 'io.debezium.time.NanoTimestamp':
      return integer((ns) => timestamp(ns, 1n));
    case 'io.debezium.time.Time':
    case 'org.apache.kafka.connect.data.Time':
      return integer((ms) => timeOfDay(ms * 1_000_000n));
    case 'io.debezium.time.MicroTime':
      return integer((us) => timeOfDay(us * 1_000n));
    case 'io.debezium.time.NanoTime':
      return integer(timeOfDay);
    case 'org.apache.kafka.connect.data.Decimal':
      return (value) => decimal(value, scale) ?? cellText(value);
    case 'io.debezium.data.VariableScaleDecimal':
      return (value) => (isObject(value) ? decimal(value.value, cellText(value.scale)) : undefined) ?? cellText(value);
    default:
      return cellText;
  }
}

/** The converters of the fields of a struct, by name. */
export function convertersOf(struct: unknown): Map<string, Convert> {
  const parsed = fieldSchema.safeParse(struct);
  const fields = parsed.success ? (parsed.data.fields ?? []) : [];
  return new Map(fields.map((field) => [field.field ?? '', converterOf(field)]));
}

/** The struct that a field of a struct holds. */
export const fieldOf = (struct: unknown, name: string): unknown =>
  isObject(struct) && Array.isArray(struct.fields)
    ? (struct.fields as JsonObject[]).find((field) => field.field === name)
    : undefined;

const integer =
  (show: (value: bigint) => string | undefined): Convert =>
  (value) => {
    const text = cellText(value);
    return (/^-?\d+$/.test(text) ? show(BigInt(text)) : undefined) ?? text;
  };

const inRange = (days: bigint): boolean => days > -MOST_DAYS && days < MOST_DAYS;

function floorDiv(a: bigint, b: bigint): bigint {
  const quotient = a / b;
  return a % b < 0n ? quotient - 1n : quotient;
}

const dateText = (days: bigint): string => {
  const [text = ''] = new Date(Number(days) * MS_A_DAY).toISOString().split('T');
  return text;
};

function timestamp(value: bigint, nanos: bigint): string | undefined {
  const all = value * nanos;
  const days = floorDiv(all, SECONDS_A_DAY * NS_A_SECOND);
  if (!inRange(days)) return undefined;
  return `${dateText(days)}T${timeOfDay(all - days * SECONDS_A_DAY * NS_A_SECOND)}`;
}

function timeOfDay(nanos: bigint): string | undefined {
  const seconds = nanos / NS_A_SECOND;
  if (nanos < 0n || seconds > SECONDS_A_DAY) return undefined;
  const two = (n: bigint): string => String(n).padStart(2, '0');
  const fraction = String(nanos % NS_A_SECOND)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${two(seconds / 3600n)}:${two((seconds / 60n) % 60n)}:${two(seconds % 60n)}${fraction && `.${fraction}`}`;
}

/** Base64 of a big-endian two's complement number, `scale` digits of it behind the point. */
function decimal(value: unknown, scale: string | undefined): string | undefined {
  if (typeof value !== 'string' || scale === undefined || !/^-?\d{1,4}$/.test(scale)) return undefined;
  const bytes = Buffer.from(value, 'base64');
  if (bytes.length === 0 || bytes.toString('base64') !== value) return undefined;
  const unscaled = BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`));
  const places = Number(scale);
  const digits = String(unscaled < 0n ? -unscaled : unscaled);
  const sign = unscaled < 0n ? '-' : '';
  if (places <= 0) return `${sign}${digits === '0' ? digits : digits + '0'.repeat(-places)}`;
  const padded = digits.padStart(places + 1, '0');
  return `${sign}${padded.slice(0, -places)}.${padded.slice(-places)}`;
}
