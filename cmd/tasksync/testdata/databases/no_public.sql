-- Everything is in a schema of the application's.
DROP SCHEMA public CASCADE;
CREATE SCHEMA app;
