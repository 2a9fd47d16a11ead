import { postgresFixture } from './sql-fixtures.js';
import { testHistory } from './sql-history.js';
import { testSqlSource } from './sql-suite.js';

testSqlSource(postgresFixture);
testHistory(postgresFixture);
