import { testObjectStore } from '@songhua/object-store/conformance';
import { testStore } from './engines.js';

testObjectStore('MinIO', testStore);
testObjectStore('MinIO below a prefix', (replaced) => testStore({ prefix: 'staging/', ...replaced }));
