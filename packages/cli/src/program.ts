import { Command } from 'commander';
import { addAccessCommands } from './commands/access.js';
import { addApplyCommand } from './commands/apply.js';
import { addAuditCommands } from './commands/audit.js';
import { addBackupCommands } from './commands/backup.js';
import { addBenchCommand } from './commands/bench.js';
import { addCatalogCommands } from './commands/catalog.js';
import { addConnectorCommands } from './commands/connectors.js';
import { addDemoCommand } from './commands/demo.js';
import { addGcCommand } from './commands/gc.js';
import { addHoldCommands } from './commands/holds.js';
import { addInspectCommand } from './commands/inspect.js';
import { addNoticeCommand } from './commands/notices.js';
import { addPushCommand } from './commands/push.js';
import { addQuarantineCommands } from './commands/quarantine.js';
import { addResourceCommands } from './commands/resources.js';
import { addRevisionCommands } from './commands/revisions.js';
import { addSecretCommands } from './commands/secrets.js';
import { addStackCommands } from './commands/stack.js';
import { addSyncCommands } from './commands/sync.js';
import { refuseRepeats } from './options.js';

/** The whole command line, without running it. */
export function createProgram(): Command {
  const program = new Command('songhua')
    .description("Keeps a city's open data fresh. / 让城市的开放数据保持新鲜。")
    // Before the commands are added: they take it over from the program.
    .exitOverride()
    .showHelpAfterError('(add --help for the options)')
    .configureOutput({ writeErr: (text) => process.stderr.write(text) });

  addStackCommands(program);
  addDemoCommand(program);
  addApplyCommand(program);
  addResourceCommands(program);
  addRevisionCommands(program);
  addConnectorCommands(program);
  addSyncCommands(program);
  addPushCommand(program);
  addCatalogCommands(program);
  addQuarantineCommands(program);
  addHoldCommands(program);
  addNoticeCommand(program);
  addSecretCommands(program);
  addAccessCommands(program);
  addAuditCommands(program);
  addBackupCommands(program);
  addGcCommand(program);
  addInspectCommand(program);
  addBenchCommand(program);
  refuseRepeats(program);
  return program;
}
