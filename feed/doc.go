// Package feed hears of rows that want to be followed, and hands them on to the
// jobs. It is quick where it can be and complete where it need not be: what it
// misses, for whatever reason, the sweep finds a few seconds later.
//
//	                    ┌──────────── session ─────────────┐
//	               ┌───▶│ follower: somebody else is the   │  advisory lock L,
//	   LISTEN      │    │ feed; asks for its place          │  one per database
//	   works ──────┘    │ leader:                           │
//	(auto asks)         │   listening: ids come as payloads │◀─┐ calm for a while
//	   does             │   reading: the triggers are quiet │──┘ many per second
//	   not ────────┐    │            it looks at the rows   │
//	               │    └───────────────────────────────────┘
//	               └───▶ polling: looks at the rows, under a lease in a table
//
// # Why no row is missed for longer than one sweep
//
// The sweep looks at every pending row, whatever its created_at, and asks only
// whether a live job follows it. It does not depend on the feed, runs every few
// seconds in some daemon, and takes rows that are older than a few seconds, or
// of the future. So a row can only wait if the feed makes the sweep believe that
// it is followed, and the feed makes nobody believe anything: it leaves a job,
// which follows the row, or it leaves nothing.
//
// # Why a row is nearly always heard at once
//
// Listening. The session listens first, then sweeps, then believes what it
// hears. A row committed before the LISTEN is found by that sweep, one committed
// after it is announced.
//
// From listening to reading. The session asks for lock K, and from that moment
// the triggers are quiet. Before it asks, the reader has begun to look, from some
// seconds back: a row that was announced is heard, one that was not is read, one
// that is both is handed on once, by a memory of what was. While older
// transactions keep the session waiting for K, it asks again and again and hears
// in between what they announce.
//
// Reading. A look takes the rows after the last created_at that it saw, less a
// small overlap. Rows commit out of that order: once in a while a wider look goes
// some seconds back, and the memory tells which of its rows are new.
// What commits later than that, is dated back, or is made pending by an update, is
// the sweep's.
//
// From reading to listening. The session releases K, then asks for the horizon:
// any transaction that wrote under the quiet trigger has an id below it. When all
// of those have ended, one more wide look finds what they left, and everybody
// else has announced. A transaction that stays open for long is not waited for:
// its rows are the sweep's.
//
// A feed that ends, in any of these states, holds neither L nor K any more: the
// server releases them with its session. Then the triggers announce again, and
// the next leader begins with LISTEN and a sweep. A session that hangs instead
// of ending is ended by those that wait for its place.
package feed
