// Package syncer brings rows in step with their upstream. [Syncer.Sync] is one
// pass over a cohort of generations:
//
//	load     the generations, their clips and memories   one query each
//	fetch    what the upstream says of those due         one request, or a few
//	decide   what follows, per generation                pure: package task
//	commit   clips, statuses, events, memories           one transaction
//
// The transaction locks the generations that it writes, in id order, and
// decides again on what it finds there, so a slow pass cannot undo a later one
// and two passes over the same rows do no harm. A generation's clips and its
// status are always written together. If the transaction of a cohort is
// refused, its members are committed one by one, so that a row that a
// constraint refuses hurts only itself; its results wait for the mend.
//
// Between two decisions a pass may have to find something out: whether a URL can
// be played, or whether a provider that does not know a task still knows another
// one that it must know ([Syncer.Trouble] tells when it does not).
//
// [Syncer.Late] looks at rows that have ended for results that came later, and
// [Syncer.Retry] puts failed rows back under way.
package syncer
