// Owns `${NAME}` and `${NAME:-default}` in config strings. `$${` stands for a literal `${`.

export interface Expansion {
  readonly text: string;
  /** What could not be expanded: the words to look for in the source, and what is wrong with them. */
  readonly faults: readonly { readonly at: string; readonly message: string }[];
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Expands a string. Never throws; a fault leaves its place in the text empty. */
export function expandEnvironment(text: string, environment: Environment): Expansion {
  if (!text.includes('${')) return { text, faults: [] };
  const faults: { at: string; message: string }[] = [];
  let result = '';
  let position = 0;
  for (let open = text.indexOf('${'); open !== -1; open = text.indexOf('${', position)) {
    if (text[open - 1] === '$' && open - 1 >= position) {
      result += `${text.slice(position, open - 1)}\${`;
      position = open + 2;
      continue;
    }
    result += text.slice(position, open);
    const close = text.indexOf('}', open);
    if (close === -1) {
      faults.push({
        at: text.slice(open),
        message: 'this "$" and "{" have no closing "}" (a second "$" before them takes them as they are)',
      });
      return { text: result, faults };
    }
    position = close + 1;
    const inside = text.slice(open + 2, close);
    const dash = inside.indexOf(':-');
    const name = dash === -1 ? inside : inside.slice(0, dash);
    const at = text.slice(open, position);
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      faults.push({ at, message: `"${name}" is not the name of an environment variable` });
      continue;
    }
    const value = environment[name];
    // As in a shell, the default stands in for an empty variable as well.
    if (dash !== -1) result += value === undefined || value === '' ? inside.slice(dash + 2) : value;
    else if (value !== undefined) result += value;
    else
      faults.push({
        at,
        message: `the environment variable ${name} is not set (\${${name}:-default} gives a default)`,
      });
  }
  return { text: result + text.slice(position), faults };
}
