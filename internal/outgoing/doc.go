// Package outgoing tells servers of the application what became of its rows: a signed POST
// for each event, by the Standard Webhooks scheme.
//
//	transaction that ends a row ── Effect ──▶ tasksync.notifications, and a River job each
//	job `notify`, in the receiver's own queue: take ──▶ POST ──▶ delivered, later, or dead
//
// What must stay true:
//
//   - A notification commits with its event or not at all, and is sent at least once: it is
//     pending until a receiver has answered with 2xx, whatever is killed meanwhile.
//   - Of one row, a receiver is told in the order of the events. A notification is taken
//     only while no earlier one of its row and receiver is pending. A job that comes too
//     early ends; the end of the earlier notification makes a job for the next.
//   - A receiver has its own queue and workers, so that it holds up no other receiver, and
//     no look. Between two attempts a notification holds no worker.
//   - The body and the id of a message are the same at every attempt. The body is the row
//     as it was at the event.
//   - The trouble of a notification never keeps a row from ending.
//   - No URL, secret or body comes into a log, an error or a label: a URL may hold a token.
package outgoing
