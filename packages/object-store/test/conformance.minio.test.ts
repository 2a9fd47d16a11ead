import { testObjectStore } from '@songhua/object-store/conformance';
import { storeOn } from './engines.js';

testObjectStore('MinIO', (replaced) => storeOn('S3', replaced));
