/**
 * Contenders side by side in one run: in turn, several rounds, medians, and ratios to the first one.
 *
 * @module
 */

import { cpus, platform, release } from "node:os";
import process from "node:process";

/** Does the work once and answers how many operations that were. */
export type Contender = () => number | Promise<number>;

/** One row of a comparison. */
export interface Row {
  readonly name: string;
  /** Operations per second of wall time, median of the rounds. */
  readonly perSecond: number;
  /** Microseconds of CPU time per operation, user and system together, median of the rounds. */
  readonly cpuMicros: number;
  /** Wall: how many times the speed of the first contender, median of the rounds' own ratios. */
  readonly speed: number;
  /** CPU: how many times the cost of the first contender, median of the rounds' own ratios. */
  readonly cost: number;
}

/** The runtime and its version, such as `Deno 2.9.6`. */
export function runtime(): string {
  const { versions } = process;
  return versions["deno"]
    ? `Deno ${versions["deno"]}`
    : versions["bun"]
    ? `Bun ${versions["bun"]}`
    : `Node ${versions.node}`;
}

/** The machine in a few words. */
export function machine(): string {
  return `${cpus().length} × ${cpus()[0]?.model.trim()}, ${platform()} ${release()}, ${
    new Date().toISOString().slice(0, 10)
  }`;
}

/** Runs the contenders in turn and prints a table; the first one is what the others are measured by. */
export async function compare(
  title: string,
  contenders: Readonly<Record<string, Contender>>,
  { rounds = 9, warmups = 2 }: { rounds?: number; warmups?: number } = {},
): Promise<Row[]> {
  const names = Object.keys(contenders);
  const samples = new Map(
    names.map((name) => [name, { wall: [] as number[], cpu: [] as number[] }]),
  );
  for (let round = -warmups; round < rounds; round++) {
    for (const name of names) {
      const cpuBefore = process.cpuUsage();
      const before = performance.now();
      const operations = await contenders[name]!();
      const wall = (performance.now() - before) / operations;
      const { user, system } = process.cpuUsage(cpuBefore);
      if (round < 0) continue;
      samples.get(name)!.wall.push(wall);
      samples.get(name)!.cpu.push((user + system) / operations);
    }
  }
  const first = samples.get(names[0]!)!;
  const rows = names.map((name): Row => {
    const { wall, cpu } = samples.get(name)!;
    return {
      name,
      perSecond: 1000 / median(wall),
      cpuMicros: median(cpu),
      speed: median(wall.map((one, round) => first.wall[round]! / one)),
      cost: median(cpu.map((one, round) => one / first.cpu[round]!)),
    };
  });
  console.log(`\n${title} (${runtime()})\n`);
  console.log(
    "| contender | ops/s | CPU µs/op | speed | CPU cost |\n|---|---:|---:|---:|---:|",
  );
  for (const row of rows) {
    const perSecond = Math.round(row.perSecond).toLocaleString("en");
    console.log(
      `| ${row.name} | ${perSecond} | ${row.cpuMicros.toFixed(3)} | ${row.speed.toFixed(2)}× | ${
        row.cost.toFixed(2)
      }× |`,
    );
  }
  return rows;
}

/** The middle one. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? NaN;
}
