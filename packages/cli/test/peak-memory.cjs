// Loaded before the command: leaves its peak resident memory, in MB, where the test looks.
const { existsSync, readFileSync, writeFileSync } = require('node:fs');

function peakMb() {
  // The peak that the system reports for a child begins with that of the process which started it; Linux also tells its own.
  const status = existsSync('/proc/self/status') ? readFileSync('/proc/self/status', 'utf8') : '';
  const own = /^VmHWM:\s+(\d+) kB/m.exec(status)?.[1];
  return Number(own ?? process.resourceUsage().maxRSS) / 1024;
}

process.on('exit', () => writeFileSync(process.env.SONGHUA_TEST_PEAK, String(peakMb())));
