// Loaded before the command: leaves its peak resident memory, in MB, and the seconds that it computed, where the test looks.
const { existsSync, readFileSync, writeFileSync } = require('node:fs');

function peakMb() {
  // The peak that the system reports for a child begins with that of the process which started it; Linux also tells its own.
  const status = existsSync('/proc/self/status') ? readFileSync('/proc/self/status', 'utf8') : '';
  const own = /^VmHWM:\s+(\d+) kB/m.exec(status)?.[1];
  return Number(own ?? process.resourceUsage().maxRSS) / 1024;
}

process.on('exit', () => {
  const { user, system } = process.cpuUsage();
  writeFileSync(process.env.SONGHUA_TEST_PEAK, JSON.stringify({ peakMb: peakMb(), seconds: (user + system) / 1e6 }));
});
