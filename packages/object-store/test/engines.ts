import { createMinioStore, type ObjectStore, type ObjectStoreOptions } from '@songhua/object-store';

const BUCKET = 'songhua-test';

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '')
    throw new Error(`${name} is not set: start the test engines (npm test does) or point it at a running server`);
  return value;
}

/** A store on the server that `SONGHUA_TEST_S3_ENDPOINT`, `_ACCESS_KEY` and `_SECRET_KEY` name. */
export function testStore(replaced: Partial<ObjectStoreOptions> = {}): ObjectStore {
  return createMinioStore({
    endpoint: required('SONGHUA_TEST_S3_ENDPOINT'),
    accessKey: required('SONGHUA_TEST_S3_ACCESS_KEY'),
    secretKey: required('SONGHUA_TEST_S3_SECRET_KEY'),
    bucket: BUCKET,
    ...replaced,
  });
}
