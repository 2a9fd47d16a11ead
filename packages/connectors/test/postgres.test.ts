import { postgresFixture } from './sql-fixtures.js';
import { testSqlSource } from './sql-suite.js';

testSqlSource(postgresFixture);
