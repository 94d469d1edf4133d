// Package adopt lets tasksync work on an application's own table, whatever its name:
// it writes two views in place of music_generations and music_clips, over that table.
//
//	application ──▶ public.songs ◀── INSTEAD OF trigger ── public.music_generations ◀── daemon
//	                     ▲   └─ trigger ──▶ NOTIFY
//	                     └────────── INSTEAD OF trigger ── public.music_clips       ◀── daemon
//	                                                          │
//	                                  tasksync.adopted_clips ─┘ what the table has no column for
//
// The application's table stays the only truth of what it has columns for. What must
// hold:
//
//   - Nothing of the application's changes but triggers and indexes of ours.
//   - A lock on a row of a view is a lock on the row of the table: the views are plain
//     joins, because Postgres locks through them, and not through a UNION, an outer join
//     or an aggregate. What the table lacks is read by scalar subqueries.
//   - The expressions of id, status and created_at are immutable, and the same in the
//     views, in the indexes and in the triggers' WHEN: so the planner proves that a
//     query's "status IN (…)" is the index's.
//   - An id is a uuid: the key itself, a number in a fixed uuid, or the hash of a text.
//     It never changes, and is unique where the key is.
//   - A word of the application's that means none of ours passes through as it is. A
//     status that the application has no word for is written as the last one before it
//     that has one; the daemon is told which statuses there are ([database.Adoption]).
//   - The results of a task are never thrown away: what has no place on the row stays in
//     tasksync.adopted_clips. Text that the application wrote beforehand, like a title,
//     is not overwritten, and an audio address that is overwritten is kept there.
//   - A row with a new task has no clips yet: clips belong to the row and the task.
//   - The triggers on the table cannot fail a write of the application's.
//
// Propose reads the catalog and makes a [Plan], Plan.Check compares a plan with the
// catalog, Render writes its SQL, and Apply runs it.
package adopt
