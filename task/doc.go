// Package task is the domain of tasksync: what a generation is, what an upstream
// API can say about it, and what follows from that.
//
// The centre is [Policy.Decide]. It takes a generation, its clips and what was
// seen of its task, and returns the change to make or the time of the next look.
// It does no I/O, so that tables, properties and fuzzing can hold it to its rules:
//
//	observation ─┐
//	clips ───────┼─▶ merge ─▶ derive status ─▶ deadline ─▶ Decision
//	generation ──┘   (join)   (forward only)
//
// Applying an observation is a join in a semilattice, not an assignment. Each
// value has a rank (empty < preview < final; submitted < queued < processing <
// streaming < complete or failed), and the value with the higher rank stays. So the
// same observations, applied twice, late or in another order, end in the same
// rows, and no lease has to keep two workers apart.
//
// A row ends only on knowledge: on what its provider says, or at its deadline on an
// answer to a look that was sent at the deadline or later. The row's [Memory] holds
// what these rules must know about earlier looks; Decide takes and returns it.
//
// The package imports the standard library only.
package task
