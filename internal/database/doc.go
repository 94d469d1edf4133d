// Package database connects to Postgres: it opens the pool of connections, waits
// for a server that is down, and finds out what the address leads to.
//
//	Open             a pool, as soon as the database answers
//	Connect          a pool, if the database answers now
//	DirectConfig     a connection beside the pool, for LISTEN, session locks and replication
//	CheckListen      does LISTEN work? Behind a pooler in transaction mode it does not
//	Clock            the database's clock
//
// It also names the codes of Postgres's errors, tells which of them say that the
// database is away, and keeps passwords and rows' contents out of their texts.
package database
