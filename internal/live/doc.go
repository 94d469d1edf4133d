// Package live tells subscribers of changes of status as they commit: any number
// of subscribers, over one database connection.
//
// Table generation_events is the truth. The difficulty is to read it without
// gaps and without duplicates, because neither its ids nor its times are in the
// order in which transactions commit:
//
//	time        ───────────────────────────────────────────────▶
//	A (xid 10)   ├─ writes event 1 ────────────── commits ─┤
//	B (xid 11)        ├─ writes event 2 ─ commits ─┤
//	snapshots                                        S1       S2
//
// At S1 only event 2 is visible. A reader that remembers "up to event 2" misses
// event 1 for ever; a reader that waits for A to end waits as long as A likes. So
// a cursor is neither an id nor a time but a Postgres snapshot, which says
// exactly which transactions had committed:
//
//	S1 = 10:12:10   transactions before 10 had ended; 12 and later had not begun;
//	                of those between, 10 was in progress
//
// New at S2 is what A and the transactions from 12 on have written, as far as S2
// sees it: each event once, however late it commits.
//
// The broker works in steps. A step reads with one snapshot S: by one statement,
// or in a repeatable-read transaction if subscriptions join. For subscriptions
// that have joined it reads what is new since the last step, and for each that
// joins what is new since the cursor that the subscriber brings; then all of them
// stand at S. Joining has no gap and no duplicate because no time passes between
// the two reads.
//
// LISTEN only makes the next step come sooner: the Announcer of the daemon that
// has committed notifies all brokers. A lost notification costs the interval
// between two steps, and a lost connection the time to make another: the cursor
// stays.
package live
