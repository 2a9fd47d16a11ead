import type { ObjectInfo, ObjectStore } from './types.js';

/** The part of a bucket below `prefix`, as if it were all of it. */
export function withPrefix(store: ObjectStore, prefix: string): ObjectStore {
  // An empty key must stay one that is refused, also where the prefix is no whole folder.
  const full = (key: string): string => (key === '' ? '' : `${prefix}${key}`);
  const own = (object: ObjectInfo): ObjectInfo => ({ ...object, key: object.key.slice(prefix.length) });
  return {
    put: (key, body, contentType) => store.put(full(key), body, contentType),
    putFile: (key, path, contentType) => store.putFile(full(key), path, contentType),
    putIfAbsent: (key, body, contentType) => store.putIfAbsent(full(key), body, contentType),
    read: (key, range) => store.read(full(key), range),
    readAll: (key, maxBytes) => store.readAll(full(key), maxBytes),
    download: (key, path) => store.download(full(key), path),
    stat: async (key) => {
      const found = await store.stat(full(key));
      return found && own(found);
    },
    async *list(below) {
      for await (const object of store.list(`${prefix}${below}`)) yield own(object);
    },
    delete: (keys) => store.delete(keys.map(full)),
    ensureBucket: () => store.ensureBucket(),
    ping: () => store.ping(),
  };
}
