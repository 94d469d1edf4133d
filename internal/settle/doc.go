// Package settle calls the application's function at the end of each row, so that
// money that the row costs is settled exactly once.
//
// The rules:
//
//   - An end opens a round: a row of tasksync.settlements, whose key is the generation
//     and the number of the round. It is written, and the function is called, in the
//     transaction that ends the row. So what the function wrote is committed with the
//     status, or not at all.
//   - The function is called in a savepoint, under limits of time. Its error undoes what
//     it wrote and quarantines the settlement; the row ends all the same. An error that is
//     the transaction's (a deadlock, a server that stops) ends the transaction, and the
//     row is tried again; the third time in a row it counts as the function's.
//   - A quarantined settlement is called again, in a transaction of its own, until it
//     succeeds or is settled by hand. The state changes with what the function wrote.
//   - The rounds of a generation are called in their order: a round waits while an earlier
//     one is quarantined. So what details say of earlier rounds has been settled.
package settle
