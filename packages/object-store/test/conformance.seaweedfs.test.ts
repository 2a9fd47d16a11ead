import { testObjectStore } from '@songhua/object-store/conformance';
import { storeOn } from './engines.js';

testObjectStore('SeaweedFS', (replaced) => storeOn('SEAWEED', replaced));
testObjectStore('SeaweedFS below a prefix', (replaced) => storeOn('SEAWEED', { prefix: 'staging/', ...replaced }));
