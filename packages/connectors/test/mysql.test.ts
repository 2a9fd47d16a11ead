import { mysqlFixture } from './sql-fixtures.js';
import { testHistory } from './sql-history.js';
import { testSqlSource } from './sql-suite.js';

testSqlSource(mysqlFixture);
testHistory(mysqlFixture);
