// Package feed hears of rows that wait to be followed, and hands them on to the
// jobs. It has to be quick and need not be complete: the sweep finds every row that
// the feed misses, a few seconds later.
//
// Each daemon runs a Feed, and one of them leads: its session hears of the rows for
// all daemons, which call that daemon "the feed".
//
// The race between what is there and what comes: a feed that first looked for
// waiting rows and then listened would miss the rows that commit in between. So it
// first listens, then sweeps the rows that are there, and only then hands on the
// rows that were announced meanwhile. A row that commits before the LISTEN is found
// by the sweep, a row that commits after it is announced, and a row that is found
// in both ways is handed on once.
//
//	                    ┌───────────── session ─────────────┐
//	               ┌───▶│ follower: another daemon is the   │  advisory lock L,
//	   LISTEN      │    │ feed; asks for its place          │  one per database
//	   works ──────┘    │ leader:                           │
//	(auto asks)         │   listening: notifications bring  │◀─┐ calm for a while
//	   does             │              the ids              │  │
//	   not ────────┐    │   reading: the triggers are quiet │──┘ many per second
//	               │    │            it scans the table     │
//	               │    └───────────────────────────────────┘
//	               └───▶ polling: scans the table, under a lease in a table
//
// In mode wal the leader listens too, but quietens the triggers after its sweep, and
// then reads the WAL (package wal), or scans the table while the WAL cannot be read.
//
// On a server that permits two-phase commits the triggers say nothing, because Postgres
// does not prepare a transaction that has notified (migration 00020). Mode auto then
// leads in mode wal if the WAL can be read, and polls if not.
//
// # Why no row is missed for longer than one sweep
//
// The sweep examines every pending row, whatever its created_at, and asks only
// whether a live job follows it. It does not depend on the feed, runs every few
// seconds in one of the daemons, and takes rows that are older than a few seconds,
// or of the future. So a row can only wait if the feed makes the sweep believe that
// a job follows it. The feed cannot: it leaves a job, which follows the row, or it
// leaves nothing.
//
// # Why a row is nearly always heard of at once
//
// Listening. The session listens, then sweeps, then hands on what was announced,
// as above.
//
// From listening to reading. The session asks for advisory lock K, and from that
// moment the triggers are quiet: they notify only if they get K shared. Before the
// session asks, the first scan reads the rows of the last seconds: a row that was
// announced is heard of, a row that was not is read, and a memory of the ids that
// were handed on keeps a row that is both from being handed on twice. While older transactions keep the session waiting for K, it asks again
// and again, and receives in between what they announce.
//
// Reading. A scan takes the rows after the last created_at that it saw, less a
// small overlap. Rows commit out of that order: once in a while a wider scan goes
// some seconds back, and the memory tells which of its rows are new. The sweep
// finds the rows that commit later than that, are dated back, or become pending by
// an update.
//
// From reading to listening. The session releases K, then asks for the horizon:
// any transaction that wrote under the quiet triggers has an id below it. When all
// of those have ended, one more wide scan finds the rows that they left; every
// other transaction has announced its rows. The feed does not wait for a
// transaction that stays open for long: the sweep finds its rows.
//
// A feed that ends, in any of these states, holds neither L nor K any more: the
// server releases them with its session. Then the triggers announce again, and the
// next leader begins with LISTEN and a sweep. The daemons that wait for the place
// of a leader end its session if it hangs.
//
// # Files
//
// Each file uses only files that come after it: feed, advice, wal, poll, notify,
// notify_reading, leader, election, session, table_reader, base, state, collector,
// memory, metrics, triggers, config, errors.
package feed
