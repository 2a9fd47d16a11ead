import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { decode, encode } from 'dns-packet';

export interface DnsServer {
  /** What a name answers from now on, one after the other; the last one stays. */
  answers: Record<string, string[][]>;
  asked: string[];
  /** A lookup, as `dns.lookup` is one, that asks this server. */
  resolve: LookupFunction;
  close(): Promise<void>;
}

/** A real DNS server on loopback whose answers a test sets, and may change between two questions. */
export async function startDns(): Promise<DnsServer> {
  const socket = createSocket('udp4');
  const state: DnsServer = {
    answers: {},
    asked: [],
    resolve: () => undefined,
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
  socket.on('message', (message, from) => {
    const { id, questions = [] } = decode(message);
    const [question] = questions;
    const name = question?.name ?? '';
    const type = question?.type ?? 'A';
    const turns = state.answers[name] ?? [];
    const addresses = (turns.length > 1 && type === 'A' ? turns.shift() : turns[0]) ?? [];
    if (type === 'A') state.asked.push(name);
    const answers = addresses
      .filter((address) => isIP(address) === (type === 'AAAA' ? 6 : 4))
      .map((data) => ({ type: type as 'A' | 'AAAA', name, ttl: 0, data }));
    const reply = encode({ type: 'response', id: id ?? 0, flags: 0x8180, questions, answers });
    socket.send(reply, from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const resolver = new Resolver({ timeout: 1_000, tries: 1 });
  resolver.setServers([`127.0.0.1:${socket.address().port}`]);
  state.resolve = (hostname, _options, callback) => {
    const ask = (family: 4 | 6) =>
      new Promise<{ address: string; family: number }[]>((done) => {
        const take = (_error: unknown, found?: string[]) => done((found ?? []).map((address) => ({ address, family })));
        if (family === 4) resolver.resolve4(hostname, take);
        else resolver.resolve6(hostname, take);
      });
    void Promise.all([ask(4), ask(6)]).then(([v4, v6]) => {
      const all = [...v4, ...v6];
      if (all.length === 0) callback(Object.assign(new Error(`no address of ${hostname}`), { code: 'ENOTFOUND' }), []);
      else callback(null, all);
    });
  };
  return state;
}
