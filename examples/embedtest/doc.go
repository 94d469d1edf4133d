// Package embedtest builds the program of examples/embed, which is a module of its
// own, and runs it against a real Postgres and a small provider.
package embedtest
