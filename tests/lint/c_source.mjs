// C text for the rules: comments, literals and preprocessor lines taken out, with
// every line break kept, so that offsets and line numbers stay true.

// Blank a piece of text: spaces for everything except line breaks.
const blank = (text) => text.replace(/[^\n]/g, ' ');

const TOKEN = new RegExp(
  [
    String.raw`(?<comment>/\*[^]*?(?:\*/|$)|//(?:\\\r?\n|[^\n])*)`,
    String.raw`(?<string>(?:u8|[LuU])?"(?:\\[^]|[^"\\\n])*"?)`,
    String.raw`(?<char>'(?:\\[^]|[^'\\\n])*'?)`,
    String.raw`(?<word>[A-Za-z0-9_]+)`, // so that a digit separator is no literal
  ].join('|'),
  'g',
);

// `code`: neither comments nor literals. `text`: literals kept (for #include).
export function scan(source) {
  const code = source.replace(TOKEN, (match, ...rest) => {
    const { comment, word } = rest.at(-1);
    if (word !== undefined) return match;
    if (comment !== undefined) return blank(match);
    const quote = match.at(-1);
    return match.length < 2 ? match : quote + blank(match.slice(2)) + quote;
  });
  const text = source.replace(TOKEN, (match, ...rest) =>
    rest.at(-1).comment === undefined ? match : blank(match),
  );
  return { code, text };
}

export const lineOf = (source, offset) => {
  let line = 1;
  for (let i = source.indexOf('\n'); i >= 0 && i < offset; i = source.indexOf('\n', i + 1)) {
    line++;
  }
  return line;
};

// Without preprocessor lines, and without all but the first branch of every
// #if, so that braces match.
export function withoutPreprocessor(code) {
  const lines = code.split('\n');
  const branches = []; // per open #if: is this its first branch?
  let continued = false;
  return lines
    .map((line) => {
      const directive = continued ? null : line.match(/^\s*#\s*(\w*)/);
      const skip = continued || directive;
      if (skip) continued = /\\\s*$/.test(line);
      if (directive) {
        if (/^if/.test(directive[1])) branches.push(true);
        else if (/^el/.test(directive[1])) branches[branches.length - 1] = false;
        else if (directive[1] === 'endif') branches.pop();
      }
      return skip || branches.includes(false) ? blank(line) : line;
    })
    .join('\n');
}

// Every function definition: { name, line, length }, lines counted from the first
// of its declaration to its closing brace. `unbalanced` is a line, or 0.
export function functions(source) {
  const code = withoutPreprocessor(scan(source).code);
  const found = [];
  let depth = 0; // of braces, those of namespaces and extern "C" not counted
  let transparent = 0;
  let headStart = 0;
  let open = null;
  for (let i = 0; i < code.length; i++) {
    const c = code[i];
    if (c === '{') {
      if (depth > 0 || open) {
        depth++;
        continue;
      }
      const head = code.slice(headStart, i);
      if (/^\s*(extern\s*"\s*"|namespace\b[\w\s:]*)\s*$/.test(head)) {
        transparent++;
        headStart = i + 1;
        continue;
      }
      depth = 1;
      open = { name: functionName(head), start: headStart + head.search(/\S|$/) };
    } else if (c === '}') {
      if (depth === 0) {
        if (transparent === 0) return { found, unbalanced: lineOf(code, i) };
        transparent--;
        headStart = i + 1;
        continue;
      }
      depth--;
      if (depth > 0) continue;
      if (open.name) {
        const line = lineOf(code, open.start);
        found.push({ name: open.name, line, length: lineOf(code, i) - line + 1 });
      }
      open = null;
      headStart = i + 1;
    } else if (c === ';' && depth === 0) {
      headStart = i + 1;
    }
  }
  return { found, unbalanced: depth + transparent > 0 ? lineOf(code, code.length) : 0 };
}

// Name of the function that `head {` defines; null: a type or an initializer.
function functionName(head) {
  const plain = head.replace(/__attribute__\s*\(\(.*?\)\)/gs, '').replace(/\[[^\]]*\]/g, '');
  if (/=\s*$/.test(plain) || /^\s*(typedef|struct|union|enum|class)\s+\w*\s*$/.test(plain)) {
    return null;
  }
  const match = plain.match(/([A-Za-z_][\w:~]*)\s*\(/);
  return match ? match[1] : null;
}
