import { testConnector } from '@songhua/connector-sdk/conformance';
import { asConnectorFixture, sqliteFixture } from './sql-fixtures.js';

testConnector(async () => asConnectorFixture(await sqliteFixture()));
