import { testConnector } from '@songhua/connector-sdk/conformance';
import { asConnectorFixture, postgresFixture } from './sql-fixtures.js';

testConnector(async () => asConnectorFixture(await postgresFixture()));
