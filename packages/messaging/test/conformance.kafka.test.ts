import { testMessaging } from '@songhua/messaging/conformance';
import { messagingOnKafka } from './engines.js';

testMessaging('Kafka', messagingOnKafka);
