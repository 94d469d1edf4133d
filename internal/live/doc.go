// Package live tells subscribers of changes of status as they commit: any number
// of subscribers, over one database connection.
//
// Table generation_events is the truth. It is hard to read without gaps and without
// duplicates, because neither its ids nor its times are in the order in which
// transactions commit:
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
// At S2, the events of A and of the transactions from 12 on are new, as far as S2
// sees them: each event once, however late it commits.
//
// The broker works in steps. A step reads with one snapshot S: by one statement,
// or in a repeatable-read transaction if subscriptions join. It reads what is new
// since the last step, for the subscriptions that have joined, and what is new since
// the subscriber's cursor, for each subscription that joins. Then all of them have
// what S sees. Joining has no gap and no duplicate because both reads use S.
//
// What one client brings costs no other: the read that all share holds no client's data,
// and is delivered before the reads for those that join, whose time is bounded and whose
// failure resets the one that joins.
//
// LISTEN only makes the next step come sooner: the Announcer of the daemon that
// has committed notifies all brokers. A lost notification costs at most the interval
// between two steps. A lost connection costs the time to make another, and no event,
// because the broker keeps its cursor.
package live
