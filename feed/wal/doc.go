// Package wal hears of new rows by reading the write-ahead log. The writers do
// nothing for it: no trigger runs, no lock is taken, nothing is notified.
//
//	INSERT … COMMIT ──▶ WAL ──▶ walsender: pgoutput, publication, slot
//	                                │ begin 7 · row · row · commit     (whole transactions, in the order of their commits)
//	                                ▼
//	  receive: decode, filter ──▶ backlog ──▶ handOn: all waiting rows of visible transactions, at once
//	     │                          │               │
//	     └── "handed on up to …" ◀──┴── finish ◀────┘
//	                                        watch, Guard: the slot must not hold too much
//
// # Why no row is missed
//
// A replication slot is a position in the WAL, kept by the server on its disk. The
// server removes no WAL after it, whether the slot is read or not, and moves it
// only as far as the reader confirms; the reader confirms only rows for which HandOn
// has returned nil. So a row whose commit lies after the slot was made is handed on at
// least once: a reader that is killed, cut off or replaced leaves the position to
// the next reader. The sweep in Config.Ready, which runs after the slot is made and
// before any row is handed on, finds the rows that were committed before.
//
// A commit is in the WAL before other transactions can see it: for a moment, or for
// as long as it waits for a synchronous standby. HandOn would look for the row and
// not find it. So each transaction waits in the backlog until a snapshot sees it.
// Later transactions are handed on before it; only the confirmed position waits for
// it.
//
// # Why no disk fills
//
// The server keeps the WAL of a slot for as long as the slot is not read. So the
// slot is expendable: when it holds more than Config.SlotLimit, when the server is
// about to remove its WAL, or when it was not read for a while, any daemon drops it
// (Guard; a running reader checks its own slot). The sweep then finds the rows until
// a new slot is made. The position also moves on when nothing happens to our table:
// outside of a transaction the server tells how far it has read, and the reader
// confirms that. A slot holds at least the WAL since the oldest transaction that is
// open, and the WAL of the last 15 to 30 seconds, because the server notes only
// every 15 seconds where a reader can begin.
//
// # What is read
//
// Inserts of pending V2 rows, filtered by the server from Postgres 15 on. Updates
// are not published, so that no update of the application can fail because of
// tasksync (see publication.go), and tasksync's own updates do not come back. A
// transactional logical message with prefix "tasksync" and a row's id as its content
// (a trigger on update can write one with pg_logical_emit_message) stands for a row
// as an insert does. The sweep finds the rows that become pending without either.
//
// # Where the server waits for the reader
//
// The server waits in two places. Before it shuts down it waits
// until they have confirmed everything: Run ends when it learns of a shutdown,
// and when handing on has failed for half a minute. And a commit that waits for
// any standby (synchronous_standby_names with a *) would wait for this reader,
// which waits until a snapshot sees that commit: Run refuses to read from such a
// server.
package wal
