import { findTool } from '../builds/tools.js';

type Manager = 'apt-get' | 'dnf' | 'apk' | 'brew';

/** Package names by package manager; what a distribution does not carry new enough is left out. */
const PACKAGES = {
  java: {
    'apt-get': 'openjdk-17-jre-headless',
    dnf: 'java-21-openjdk-headless',
    apk: 'openjdk21-jre-headless',
    brew: 'openjdk',
  },
  maven: { 'apt-get': 'maven', dnf: 'maven', apk: 'maven', brew: 'maven' },
  python: { 'apt-get': 'python3-pip', dnf: 'python3-pip', apk: 'py3-pip', brew: 'python' },
  go: { dnf: 'golang', apk: 'go', brew: 'go' },
} as const satisfies Record<string, Partial<Record<Manager, string>>>;

const COMMANDS: Record<Manager, string> = {
  'apt-get': 'apt-get install -y',
  dnf: 'dnf install -y',
  apk: 'apk add',
  brew: 'brew install',
};

/** The command that installs a tool here, or `otherwise` where no known package manager carries it. */
export function installCommand(tool: keyof typeof PACKAGES, otherwise: string): string {
  for (const manager of ['brew', 'apt-get', 'dnf', 'apk'] as const) {
    const name = (PACKAGES[tool] as Partial<Record<Manager, string>>)[manager];
    if (name === undefined || findTool(manager) === undefined) continue;
    const sudo = manager !== 'brew' && process.getuid?.() !== 0 ? 'sudo ' : '';
    return `${sudo}${COMMANDS[manager]} ${name}`;
  }
  return otherwise;
}

/** One remedy in both languages. */
export const both = (english: string, chinese: string): string => `${english} / ${chinese}`;
