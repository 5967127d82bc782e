// The HTML as it was sent, before any browser mends it.

const VOID = new Set('area base br col embed hr img input link meta source track wbr'.split(' '));
// Their text is not markup (HTML §13.1.2).
const RAW = new Set(['script', 'style', 'textarea', 'title']);
const TAG = /<!--[\s\S]*?-->|<!doctype[^>]*>|<(\/?)([a-z][a-z0-9-]*)((?:\s+[^\s"'<>/=]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'=<>`]+))?)*)\s*(\/?)>/giy;
const ATTRIBUTE = /([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+)))?/g;

/** Tags of a source in order: name, whether it closes, attributes, and the text up to the next one. */
function* tags(source) {
  let at = source.indexOf('<');
  while (at >= 0 && at < source.length) {
    TAG.lastIndex = at;
    const match = TAG.exec(source);
    if (!match) {
      yield { broken: source.slice(at, at + 60) };
      at = source.indexOf('<', at + 1);
      continue;
    }
    const [all, closes, name, attributes] = match;
    at += all.length;
    if (name) {
      const lower = name.toLowerCase();
      const list = [...attributes.matchAll(ATTRIBUTE)].map(([, key, a, b, c]) => [key.toLowerCase(), a ?? b ?? c ?? '']);
      let text = '';
      if (RAW.has(lower) && !closes) {
        const end = source.toLowerCase().indexOf(`</${lower}`, at);
        text = source.slice(at, end < 0 ? source.length : end);
        at += text.length;
      }
      yield { name: lower, closes: closes === '/', attributes: list, selfClosed: all.endsWith('/>'), text };
    }
    at = source.indexOf('<', at);
  }
}

/** What is wrong with a page's source, each as one line. */
export function htmlFaults(source) {
  const faults = [];
  const open = [];
  const ids = new Set();
  if (!/^\s*<!doctype html>/i.test(source)) faults.push('no doctype');
  for (const { broken, name, closes, attributes, selfClosed, text } of tags(source)) {
    if (broken !== undefined) faults.push(`no tag: ${broken}`);
    else if (closes) {
      if (open.at(-1) === name) open.pop();
      else faults.push(`</${name}> closes <${open.at(-1)}>`);
    } else {
      // In SVG every element may close itself.
      if (!VOID.has(name) && !(selfClosed && (name === 'svg' || open.includes('svg')))) open.push(name);
      faults.push(...attributeFaults(name, attributes, ids));
      if (name === 'script' && text.trim()) faults.push(`inline script: ${text.trim().slice(0, 60)}`);
      if (name === 'style') faults.push('style element');
    }
  }
  faults.push(...open.map((name) => `<${name}> is not closed`));
  return faults;
}

function attributeFaults(name, attributes, ids) {
  const faults = [];
  const seen = new Set();
  for (const [key, value] of attributes) {
    if (seen.has(key)) faults.push(`<${name}> has ${key} twice`);
    seen.add(key);
    if (key === 'style' || key.startsWith('on')) faults.push(`<${name}> has ${key}=`);
    if (/^\s*javascript:/i.test(value)) faults.push(`<${name} ${key}> is a script`);
    if (key === 'id') {
      if (ids.has(value)) faults.push(`id ${value} twice`);
      ids.add(value);
    }
  }
  return faults;
}
