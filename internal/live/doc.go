// Package live tells of the changes of status as they commit: to any number of
// subscribers, over one database connection.
//
// Table generation_events is the truth. The difficulty is to read it without a
// gap and without a double, because neither its ids nor its times have the order
// in which transactions commit:
//
//	time        ───────────────────────────────────────────────▶
//	A (xid 10)   ├─ writes event 1 ────────────── commits ─┤
//	B (xid 11)        ├─ writes event 2 ─ commits ─┤
//	looks                                            S1       S2
//
// At S1 only event 2 is there. A reader that remembers "up to event 2" misses
// event 1 for ever; one that waits until A has ended waits as long as A likes. So
// a cursor is neither an id nor a time but a Postgres snapshot, which says
// exactly which transactions had committed:
//
//	S1 = 10:12:10   all before 10 have ended; 12 and later had not begun;
//	                of those between, 10 was under way
//
// What is new at S2 is what A and the transactions from 12 on have written, as
// far as S2 sees it: each event once, however late it commits.
//
// A step is one look, with one snapshot S: a single statement, or a transaction of
// repeatable read if somebody joins. In it the broker reads what is new for its
// subscribers since the last step, and what is new for each that joins since the
// cursor that it brings; then all of them stand at S. Joining has no gap and no
// double because there is no time between the two.
//
// LISTEN only makes the next step sooner: the daemon that has committed says so
// afterwards, by an Announcer. A notification that is lost costs the
// interval between two steps, and a connection that is lost the time to make
// another: the cursor stays.
package live
