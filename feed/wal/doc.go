// Package wal hears of new rows by reading the write-ahead log. The writers do
// nothing for it: no trigger runs, no lock is taken, nothing is notified.
//
//	INSERT … COMMIT ──▶ WAL ──▶ walsender: pgoutput, publication, slot
//	                                │ begin 7 · row · row · commit     (whole transactions, in the order of their commits)
//	                                ▼
//	  receive: decode, filter ──▶ backlog ──▶ handOn: of transactions that can be seen, all that wait, at once
//	     │                          │               │
//	     └── "handed on up to …" ◀──┴── finish ◀────┘
//	                                        watch, Guard: the slot must not hold too much
//
// # Why no row is missed
//
// A slot is a place in the WAL, kept by the server on its disk. The server
// removes nothing after it, whoever reads or does not, and moves it only to where
// the reader says; the reader says only what HandOn has answered for. So a row
// whose commit lies after the slot was made is handed on at least once: a reader
// that is killed, cut off or replaced leaves the place to the next one. What was
// committed before the slot was made is found by the sweep in Config.Ready, which
// runs after the slot is there and before anything is handed on.
//
// A commit is in the WAL before others can see it: for a moment, or for as long
// as it waits for a synchronous standby. HandOn would look for the row and not
// find it. So each transaction waits in the backlog until a snapshot sees it;
// others pass by, and only what may be confirmed waits with it.
//
// # Why no disk fills
//
// What the server keeps for a slot it keeps for as long as nobody reads. So the
// slot is expendable: when it holds more than Config.SlotLimit, when the server
// is about to take its WAL away, or when nobody has read it for a while, any
// daemon drops it (Guard; a running reader looks after its own). The rows are
// then the sweep's until a new slot is there. The place moves on when nothing
// happens to our table, too: outside of a transaction the server tells how far it
// has read, and that is confirmed. What a slot holds at least is the WAL since the
// oldest transaction that is open, and of the last 15 to 30 seconds: the server
// notes only so often where reading could begin again.
//
// # What is read
//
// Inserts of pending V2 rows, filtered by the server from Postgres 15 on. Updates
// are not published, so that no update of the application's can fail because of
// us (see publication.go), and our own are not echoed. A transactional logical
// message with prefix "tasksync" and a row's id as its content (what a trigger on
// update can write, with pg_logical_emit_message) stands for a row as an insert
// does. What becomes pending without either is the sweep's.
//
// # What must not be
//
// The server waits for its readers in two places. Before it shuts down it waits
// until they have confirmed everything: Run ends when it learns of a shutdown,
// and when handing on has failed for half a minute. And a commit that waits for
// any standby (synchronous_standby_names with a *) would wait for this reader,
// which waits until it can see that commit: Run refuses to read from such a
// server.
package wal
