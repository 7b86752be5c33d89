// Owns the table of a comparison: medians by row, ratios to the peers, and the goals they are held to.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { root } from '../test/support/tree';
import type { Phase } from './presload';

/** A row of one target over all runs. */
export interface Figures {
  runs: number;
  /** answered a second */
  rate: number;
  /** µs of CPU for an operation, database included */
  cpu: number;
  /** µs of CPU for a message (an answered request or a NOTIFY), database included */
  cpuMessage: number;
  /** µs of CPU for an operation: the server alone, its database alone, the load generator */
  server: number;
  database: number;
  load: number;
}

export interface Goal {
  /** at least so many times its throughput */
  rate: number;
  /** at most so much of its CPU */
  cpu: number;
}

/** By peer; undefined for one that is only looked at. */
export type Goals = Readonly<Record<string, Goal | undefined>>;

/** By row of the table, then by target. */
export type Rows = ReadonlyMap<string, ReadonlyMap<string, Figures>>;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

export function figures(phases: readonly Phase[]): Figures {
  const cpu = (phase: Phase) => (phase.cpu_server_us_op ?? 0) + (phase.cpu_db_us_op ?? 0);
  return {
    runs: phases.length,
    rate: median(phases.map(({ ops_s }) => ops_s)),
    cpu: median(phases.map(cpu)),
    cpuMessage: median(phases.map((phase) => (cpu(phase) * phase.ok) / (phase.ok + phase.notifies))),
    server: median(phases.map((phase) => phase.cpu_server_us_op ?? Number.NaN)),
    database: median(phases.map((phase) => phase.cpu_db_us_op ?? 0)),
    load: median(phases.map((phase) => phase.cpu_load_us_op ?? Number.NaN)),
  };
}

/** Markdown. @param rows figures by row, then by target */
export function comparison(rows: Rows, peers: readonly string[], goals: Goals): string {
  const heads = peers.map((peer) => {
    const goal = goals[peer];
    const wanted = goal ? ` (goal ≥ ${goal.rate} ×, ≤ ${goal.cpu} ×)` : '';
    return `${peer}: per s, CPU µs | ours is${wanted}`;
  });
  const lines = [`| workload | ours: per s, CPU µs | ${heads.join(' | ')} |`];
  lines.push(`| --- |${' --- |'.repeat(1 + 2 * peers.length)}`);
  for (const [row, targets] of rows) {
    const ours = targets.get('ours');
    const cells = peers.map((peer) => beside(ours, targets.get(peer), goals[peer]));
    lines.push(`| ${row} | ${shown(ours)} | ${cells.join(' | ')} |`);
  }
  return lines.join('\n');
}

/**
 * Markdown: where the CPU of an operation goes, and how many operations a second two cores would serve with the load generator on another
 * machine. Rollcall decides in one thread, so it serves no more than one core lets its process.
 */
export function shares(rows: Rows, targets: readonly string[]): string {
  const heads = targets.map(
    (name) => `${name}: server + database + generator, µs | 2 cores without the generator, per s`,
  );
  const lines = [`| workload | ${heads.join(' | ')} |`, `| --- |${' --- |'.repeat(2 * targets.length)}`];
  for (const [row, figures] of rows) {
    const cells = targets.map((name) => {
      const of = figures.get(name);
      if (of === undefined) return ' | ';
      const { server, database, load } = of;
      const served = Math.min(2e6 / (server + database), name === 'ours' ? 1e6 / server : Number.POSITIVE_INFINITY);
      return `${round(server)} + ${round(database)} + ${round(load)} | ${Math.round(served).toLocaleString('en')}`;
    });
    lines.push(`| ${row} | ${cells.join(' | ')} |`);
  }
  return lines.join('\n');
}

function beside(ours: Figures | undefined, peer: Figures | undefined, goal: Goal | undefined): string {
  if (ours === undefined || peer === undefined) return `${shown(peer)} | `;
  const rate = ours.rate / peer.rate;
  const cpu = ours.cpu / peer.cpu;
  const mark = (reached: boolean) => (goal === undefined ? '' : reached ? ' ✓' : ' ✗');
  return `${shown(peer)} | ${round(rate)} ×${mark(rate >= (goal?.rate ?? 0))}, ${round(cpu)} ×${mark(cpu <= (goal?.cpu ?? 0))}`;
}

function shown(figures: Figures | undefined): string {
  return figures === undefined ? '' : `${Math.round(figures.rate).toLocaleString('en')} · ${round(figures.cpu)}`;
}

export function round(value: number): string {
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

/** Writes `bench/results/NAME-DATE.json`; the path. */
export function keep(name: string, result: Readonly<Record<string, unknown>>): string {
  const folder = join(root, 'bench', 'results');
  mkdirSync(folder, { recursive: true });
  const at = new Date().toISOString();
  const file = join(folder, `${name}-${at.slice(0, 16).replace(/\D/g, '')}.json`);
  const machine = { node: process.version, cores: cpus().length, cpu: cpus()[0]?.model };
  writeFileSync(file, `${JSON.stringify({ at, machine, ...result }, undefined, 1)}\n`);
  return file;
}
