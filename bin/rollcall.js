// Owns the way from the command to the compiled server, and says what to do when there is none.

const { existsSync } = require('node:fs');
const { join } = require('node:path');

const main = join(__dirname, '..', 'dist', 'core', 'cli', 'main.js');
if (Number(process.versions.node.split('.')[0]) < 20) {
  process.stderr.write(`rollcall: needs Node.js 20 or later, and this is ${process.versions.node}\n`);
  process.exitCode = 1;
} else if (!existsSync(main)) {
  process.stderr.write('rollcall: not built yet: run `npm run setup` first\n');
  process.exitCode = 1;
} else {
  process.setSourceMapsEnabled(true);
  require(main).runProcess();
}
