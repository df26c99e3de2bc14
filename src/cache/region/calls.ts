/**
 * What the calls of a region do that not every region makes.
 *
 * @module
 */

import type { CallOptions, PrefixOptions } from "../../core/backend.ts";
import type { Engine } from "./engine.ts";
import { toEntry } from "./envelope.ts";
import { FullEngine } from "./full_engine.ts";
import type {
  Creator,
  GetOrCreateOptions,
  InvalidateOptions,
  ManyCreator,
  RegionEntry,
  RegionReadOptions,
  RegionSetOptions,
} from "./options.ts";

/** The calls of a region that not every region makes. */
export class Calls<V> {
  /** What they work with. */
  readonly engine: FullEngine<V>;

  /** Those of the region that has this engine. */
  constructor(plain: Engine<V>) {
    this.engine = new FullEngine(plain);
  }

  /** `region.getEntry()`. */
  async getEntry(key: string, options?: RegionReadOptions): Promise<RegionEntry<V> | undefined> {
    const found = await this.engine.find(key, options);
    return found && toEntry(found, this.engine.now);
  }

  /** `region.getMany()`. */
  async getMany(keys: readonly string[], options: RegionReadOptions = {}): Promise<Map<string, V>> {
    const { getMany } = await import("./many.ts");
    return getMany(this.engine, [...new Set(keys)], options);
  }

  /** `region.getOrCreateMany()`. */
  async getOrCreateMany(
    keys: readonly string[],
    create: ManyCreator<V>,
    options: GetOrCreateOptions<V> = {},
  ): Promise<Map<string, V>> {
    const { getOrCreateMany } = await import("./many.ts");
    return getOrCreateMany(this.engine, [...new Set(keys)], create, options);
  }

  /** `region.setMany()`. */
  async setMany(entries: readonly (readonly [string, V])[], options?: RegionSetOptions<V>): Promise<void> {
    const { setMany } = await import("./changes.ts");
    await setMany(this.engine, new Map(entries), options);
  }

  /** `region.deleteMany()`. */
  async deleteMany(keys: readonly string[], options?: CallOptions): Promise<number> {
    const { deleteMany } = await import("./changes.ts");
    return deleteMany(this.engine, new Set(keys), options);
  }

  /** `region.clear()`. */
  async clear(options?: PrefixOptions): Promise<void> {
    const { clear } = await import("./changes.ts");
    await clear(this.engine, options);
  }

  /** `region.invalidate()`. */
  async invalidate(options?: InvalidateOptions): Promise<void> {
    const { invalidate } = await import("./changes.ts");
    await invalidate(this.engine, options);
  }

  /** `region.invalidateTags()`. */
  async invalidateTags(tags: readonly string[], options?: CallOptions): Promise<void> {
    const { invalidateTags } = await import("./changes.ts");
    await invalidateTags(this.engine, new Set(tags), options);
  }

  /** `region.refresh()`. */
  async refresh(key: string, create: Creator<V>, options?: GetOrCreateOptions<V>): Promise<V> {
    const { refresh } = await import("./changes.ts");
    return refresh(this.engine, key, create, options);
  }
}
