// Package database connects to Postgres: it opens the pool of connections, waits
// for a server that is down, and finds out what the address leads to.
//
//	Open             a pool, as soon as the database answers
//	Connect          a pool, if the database answers now
//	Guard            decides what each session is worth, by the server's words
//	DirectConfig     a connection beside the pool, for LISTEN, session locks and replication
//	CheckListen      does LISTEN work? Behind a pooler in transaction mode it does not
//	Clock            the database's clock
//
// It also reads the addresses, so that no password comes into a text; names the codes
// of Postgres's errors, says what to do about those of connecting, tells which of them
// say that the database is away, and keeps rows' contents out of their texts.
package database
