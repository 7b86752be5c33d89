// Owns one module that is up: its instance, the gate in front of it, and its functions and commands as others hold them.
import type { ParamValue } from '../base/params';
import type { ModuleDefinition, ModuleInstance } from './define';
import type { Command, ScriptFunction } from './function';
import { Gate } from './gate';
import type { ModuleScope } from './scope';

/** A module and its parameters. */
export interface Planned {
  readonly definition: ModuleDefinition;
  /** By snake_case name; what is not there has its default. */
  readonly values: ReadonlyMap<string, ParamValue>;
}

/** One setup of a module. */
export interface Life {
  readonly planned: Planned;
  readonly scope: ModuleScope;
  readonly instance: ModuleInstance;
}

export class RunningModule {
  /** The same for all lives of the module: what waits while one gives way to the next goes on with the next. */
  readonly gate = new Gate();
  #life: Life;
  #functions: Readonly<Record<string, ScriptFunction>>;

  constructor(life: Life) {
    this.#life = life;
    this.#functions = this.#gated(life.instance);
  }

  get life(): Life {
    return this.#life;
  }

  get name(): string {
    return this.#life.planned.definition.name;
  }

  /** Another life takes over. */
  use(life: Life): void {
    this.#life = life;
    this.#functions = this.#gated(life.instance);
  }

  /** Says which parameters are in force, after `configure` has taken them. */
  note(values: Planned['values']): void {
    const { planned, scope, instance } = this.#life;
    this.#life = { planned: { ...planned, values }, scope, instance };
  }

  /**
   * The functions for scripts. One that waits goes through the gate, and finds the implementation when it has passed; one
   * that answers at once cannot wait, and reaches the old life until the new one has taken over.
   */
  get functions(): Readonly<Record<string, ScriptFunction>> {
    return this.#functions;
  }

  /** The commands, through the gate. */
  commands(): [string, Command][] {
    return Object.entries(this.#life.instance.commands ?? {}).map(([name, command]) => [
      name,
      { ...command, run: (args, tell) => this.gate.pass(() => this.#life.instance.commands?.[name]?.run(args, tell)) },
    ]);
  }

  #gated({ functions = {} }: ModuleInstance): Readonly<Record<string, ScriptFunction>> {
    const gated: Record<string, ScriptFunction> = {};
    for (const [name, fn] of Object.entries(functions)) {
      gated[name] = fn.waits
        ? { ...fn, call: (...args) => this.gate.pass(() => this.#life.instance.functions?.[name]?.call(...args)) }
        : fn;
    }
    return gated;
  }
}
