import { testConnector } from '@songhua/connector-sdk/conformance';
import { asConnectorFixture, mysqlFixture } from './sql-fixtures.js';

testConnector(async () => asConnectorFixture(await mysqlFixture()));
