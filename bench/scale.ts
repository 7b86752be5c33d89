// Owns `npm run bench:scale [-- PART…]`: what large numbers cost, one part after the other, each beside its goal.
import { alone } from './lock';
import { keep, round } from './report';
import { crowd } from './scale/crowd';
import type { Finding } from './scale/finding';
import { latency } from './scale/latency';
import { memory } from './scale/memory';
import { million } from './scale/million';

const parts = { latency, memory, crowd, million };
type Part = keyof typeof parts;

async function measure(names: readonly Part[]): Promise<void> {
  const findings: Finding[] = [];
  for (const name of names) {
    console.error(`${name} …`);
    for (const finding of await parts[name]()) {
      findings.push(finding);
      console.log(shown(finding));
    }
  }
  const lines = ['| | measured | goal |', '| --- | --- | --- |'];
  for (const { what, value, unit, goal } of findings) {
    const mark = goal === undefined ? '' : ` ${value <= goal ? '✓' : '✗'}`;
    lines.push(`| ${what} | ${round(value)} ${unit}${mark} | ${goal === undefined ? '' : `≤ ${goal} ${unit}`} |`);
  }
  const table = lines.join('\n');
  const file = keep('scale', { table, findings });
  console.log(`\n${table}\n\nevery figure: ${file}`);
}

function shown({ what, value, unit, details }: Finding): string {
  return `${what}: ${round(value)} ${unit}${details === undefined ? '' : ` (${details})`}`;
}

function isPart(name: string): name is Part {
  return name in parts;
}

const asked = process.argv.slice(2);
if (!asked.every(isPart)) {
  console.error(`npm run bench:scale -- ${Object.keys(parts).join(' ')}`);
  process.exitCode = 2;
} else {
  void alone(() => measure(asked.length > 0 ? asked : (Object.keys(parts) as Part[])));
}
