import { testObjectStore } from '@songhua/object-store/conformance';
import { storeOn } from './engines.js';

testObjectStore('SeaweedFS', (replaced) => storeOn('SEAWEED', replaced));
