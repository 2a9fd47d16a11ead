import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../builds/run.js';
import { OWNER_ONLY } from '../home.js';
import { probeKafka } from '../process/probes.js';
import type { EngineFactory } from './types.js';

const HOST = '127.0.0.1';
const PORT = 9092;
const CONTROLLER_PORT = 9093;
// One constant is enough: a state folder holds one broker, and nothing else may join it.
const CLUSTER_ID = 'c29uZ2h1YS1zb25naHVhLQ';
const FORMAT_TIMEOUT_MS = 60_000;

/*
 * 320 MB carries 512 KiB batches at full rate (docs/decisions); serial collection and C1 alone cost the least CPU and memory on two
 * cores.
 */
const JVM = [
  '-Xms96m',
  '-Xmx320m',
  '-XX:+UseSerialGC',
  '-XX:MaxDirectMemorySize=128m',
  '-XX:ReservedCodeCacheSize=64m',
  '-XX:TieredStopAtLevel=1',
  '-Djava.awt.headless=true',
];

const LOG_SETTINGS = `status=error
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %m (%c)%n
rootLogger.level=WARN
rootLogger.appenderRef.console.ref=console
logger.server.name=kafka.server.KafkaRaftServer
logger.server.level=INFO
`;

function settings(port: number, controller: number, logs: string): string {
  const values: Record<string, string | number> = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@${HOST}:${controller}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://${HOST}:${port},CONTROLLER://${HOST}:${controller}`,
    'advertised.listeners': `PLAINTEXT://${HOST}:${port}`,
    'log.dirs': logs,
    // One broker: every replica count is 1.
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 2,
    'default.replication.factor': 1,
    'auto.create.topics.enable': 'false',
    // Eight batches of 512 KiB sent together are one Kafka batch.
    'message.max.bytes': 8 * 1024 * 1024,
    'replica.fetch.max.bytes': 8 * 1024 * 1024,
    'num.network.threads': 2,
    'num.io.threads': 3,
    'background.threads': 2,
    'log.cleaner.dedupe.buffer.size': 16 * 1024 * 1024, // 128 MiB of heap by default, for three small compacted partitions
    'log.segment.bytes': 128 * 1024 * 1024,
    'group.initial.rebalance.delay.ms': 0,
    // After a crash the broker may register again only when its former session has ended: 3 s instead of 9.
    'broker.session.timeout.ms': 3_000,
    'broker.heartbeat.interval.ms': 750,
  };
  return `${Object.entries(values)
    .map(([key, value]) => `${key}=${value}`)
    .join('\n')}\n`;
}

/** Apache Kafka, one node that is broker and controller (KRaft). */
export const kafka: EngineFactory = async ({ home, ports, build, java }) => {
  const port = await ports.take('kafka', PORT);
  const controller = await ports.take('kafka-controller', CONTROLLER_PORT);
  const folder = join(home.data, 'kafka');
  const logs = join(folder, 'log');
  const settingsFile = join(folder, 'server.properties');
  const logSettings = join(folder, 'log4j2.properties');
  const jars = build('kafka');
  const classpath = readdirSync(jars)
    .filter((name) => name.endsWith('.jar'))
    .map((name) => join(jars, name))
    .join(':');
  const args = [`-Dlog4j2.configurationFile=${logSettings}`, '-cp', classpath];
  const env = { ...process.env, MALLOC_ARENA_MAX: '2' };
  return {
    ports: { kafka: port },
    spec: {
      name: 'kafka',
      log: join(home.logs, 'kafka.log'),
      prepare: async () => {
        await mkdir(logs, { recursive: true, mode: OWNER_ONLY });
        writeFileSync(settingsFile, settings(port, controller, logs));
        writeFileSync(logSettings, LOG_SETTINGS);
        if (existsSync(join(logs, 'meta.properties'))) return;
        const format = ['format', '--ignore-formatted', '-t', CLUSTER_ID, '-c', settingsFile];
        await run(java, ['-XX:TieredStopAtLevel=1', ...args, 'kafka.tools.StorageTool', ...format], {
          cwd: folder,
          timeoutMs: FORMAT_TIMEOUT_MS,
        });
      },
      command: () => ({ file: java, args: [...JVM, ...args, 'kafka.Kafka', settingsFile], env, cwd: folder }),
      probe: () => probeKafka(port),
      readyTimeoutMs: 90_000,
      stopSignal: 'SIGTERM',
      stopTimeoutMs: 20_000,
    },
  };
};
