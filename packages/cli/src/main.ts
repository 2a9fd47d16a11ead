import { createProgram } from './program.js';

// `songhua … | head`: whoever read the output has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

createProgram()
  .parseAsync()
  .catch((error: { code?: string; exitCode?: number }) => {
    // Commander's own ends: help and version are no failure, anything else is wrong usage.
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  });
