import { testObjectStore } from '@songhua/object-store/conformance';
import { storeOn } from './engines.js';

testObjectStore('MinIO', (replaced) => storeOn('S3', replaced));
testObjectStore('MinIO below a prefix', (replaced) => storeOn('S3', { prefix: 'staging/', ...replaced }));
