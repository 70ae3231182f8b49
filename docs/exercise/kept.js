// What this browser keeps, under names of its own: texts of cells, and texts that passed.

const PREFIX = "tinytorch";
export let lasts = true;
let storage;
try {
  storage = window.localStorage;
  storage.setItem(`${PREFIX}:kept`, "yes");
} catch { // forbidden, or full: for as long as the page is open
  lasts = false;
  const values = new Map();
  storage = {
    getItem: key => values.get(key) ?? null,
    setItem: (key, value) => values.set(key, value),
    removeItem: key => values.delete(key),
  };
}

export const key = (kind, name) => `${PREFIX}:${kind}:${name}`;
export const get = (kind, name) => storage.getItem(key(kind, name));
export const forget = (kind, name) => storage.removeItem(key(kind, name));

// Whether it was written: a full storage refuses.
export function put(kind, name, value) {
  try {
    storage.setItem(key(kind, name), value);
    return true;
  } catch {
    return false;
  }
}

export const all = (kind, names) =>
  Object.fromEntries(names.map(name => [name, get(kind, name)]).filter(([, text]) => text !== null));
