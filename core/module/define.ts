// Owns the declaration of a module: data without side effects, and one `setup` in which everything that acts happens.
import type { ParamDeclarations, ParamValues } from '../base/params';
import type { ModuleContext } from './context';
import type { Command, ScriptFunction } from './function';

/** What `setup` hands back. */
export interface ModuleInstance<P extends ParamDeclarations = ParamDeclarations> {
  functions?: Readonly<Record<string, ScriptFunction>>;
  commands?: Readonly<Record<string, Command>>;
  /** Takes over changed `live` parameters without a new setup. Throws RollcallError for values it cannot take together. */
  configure?(params: ParamValues<P>): void;
  /**
   * Hands over: lets what it has begun settle, stops acting by itself, and returns its state for the next `setup`, in the
   * shape that `stateVersion` numbers: plain values and objects of the core, nothing that leads to the module's own code.
   * No call is inside then. It bounds its own waiting; when it throws, the module goes on as before.
   */
  save?(): unknown;
}

/**
 * What other servers set that this module answers for: by `module.parameter` there, the parameter that means the same here, or
 * why there is none. A parameter of the same name in a module of the same name needs no entry. For `rollcall import-config`.
 */
export type Elsewhere = Readonly<Record<string, { readonly is: string } | { readonly none: string }>>;

/** A module as `defineModule` takes it. */
export interface ModuleDeclaration<P extends ParamDeclarations = ParamDeclarations> {
  /** The word in `loadmodule`, and the name of the folder. */
  readonly name: string;
  /** One sentence for the manual. */
  readonly summary: string;
  /** Modules that must be loaded as well; they are set up before. */
  readonly depends?: readonly string[];
  readonly params: P;
  readonly elsewhere?: Elsewhere;
  /** Number of the shape of what `save` returns; 0 when it is not given. Another version is not restored. */
  readonly stateVersion?: number;
  /**
   * Brings the module to life. `saved` is what the module's predecessor saved in a reload, else undefined.
   * What it registers through `ctx` the host undoes, so there is no unload.
   */
  setup(ctx: ModuleContext, params: ParamValues<P>, saved: unknown): ModuleInstance<P> | Promise<ModuleInstance<P>>;
}

/** A module as the host keeps it, whatever its parameters are. */
export interface ModuleDefinition {
  readonly name: string;
  readonly summary: string;
  readonly depends: readonly string[];
  readonly params: ParamDeclarations;
  readonly elsewhere: Elsewhere;
  readonly stateVersion: number;
  setup(ctx: ModuleContext, params: object, saved: unknown): ModuleInstance | Promise<ModuleInstance>;
}

/** Declares a module: `export default defineModule({ name, summary, params, setup })` in `modules/NAME/index.ts`. */
export function defineModule<const P extends ParamDeclarations>(declaration: ModuleDeclaration<P>): ModuleDefinition {
  return {
    name: declaration.name,
    summary: declaration.summary,
    depends: declaration.depends ?? [],
    params: declaration.params,
    elsewhere: declaration.elsewhere ?? {},
    stateVersion: declaration.stateVersion ?? 0,
    // The host reads the values by the same declarations, so they are what this declaration's setup expects.
    setup: (ctx, params, saved) => declaration.setup(ctx, params as ParamValues<P>, saved) as ModuleInstance,
  };
}
