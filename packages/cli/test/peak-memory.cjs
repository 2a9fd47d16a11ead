// Loaded before the command: leaves its peak resident memory, in MB, where the test looks.
process.on('exit', () => {
  require('node:fs').writeFileSync(process.env.SONGHUA_TEST_PEAK, String(process.resourceUsage().maxRSS / 1024));
});
