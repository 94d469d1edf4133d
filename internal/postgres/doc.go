// Package postgres runs a private Postgres for demos, development and tests: no Docker, no
// configuration, nothing left behind.
//
//	Start ── find binaries ──── PG_BIN, pg_config, PATH, package folders, cache; else download
//	      ── start watchdog ─── /bin/sh, waits for the end of a pipe that only this process holds open
//	      ── initdb ─────────── as another user instead of root, which Postgres refuses
//	      ── start postgres ─── on a free port of 127.0.0.1, with a random password
//
// Stop undoes it in reverse. If this process ends without Stop, by SIGKILL, Ctrl-C or a panic, the
// kernel closes the pipe, and the watchdog stops Postgres and removes the temporary folder.
// Postgres and the watchdog have sessions of their own, so a Ctrl-C in the terminal reaches only
// this process, which then calls Stop.
//
// The package works on Linux and macOS.
package postgres
