import { mysqlFixture } from './sql-fixtures.js';
import { testSqlSource } from './sql-suite.js';

testSqlSource(mysqlFixture);
