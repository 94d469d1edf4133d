// Package embedtest builds the program of examples/embed, which is another module,
// and runs it against a real Postgres and a small provider.
package embedtest
