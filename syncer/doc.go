// Package syncer brings rows in step with their upstream. [Syncer.Sync] makes one
// pass over a cohort of generations:
//
//	load     the generations, their clips and memories   one query each
//	fetch    what the upstream says about the due ones    one call, or a few
//	decide   what follows, for each generation            pure: package task
//	commit   clips, statuses, events, memories            one transaction
//
// The transaction locks the generations that it writes, in id order, and decides
// again on the rows as they then are. So a slow pass cannot undo a later one, and
// two passes over the same rows do no harm. The clips and the status of a
// generation are always written together. If the database rejects the transaction
// of a cohort, its rows are committed one by one, so that a row that breaks a
// constraint hurts only itself; the results of that row wait until the cause is
// mended.
//
// Between two decisions a pass may have to find something out: whether a URL can be
// played, or whether a provider that gives a provisional verdict still knows another
// task ([Syncer.Trouble] names the providers that know none).
//
// [Syncer.Late] looks for late results of rows that have ended, and [Syncer.Retry]
// makes failed rows pending again.
package syncer
