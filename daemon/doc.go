// Package daemon puts tasksync together: it opens the parts in order, runs
// them, and closes them in reverse.
//
//	HTTP server   first, so that probes have an answer from the start
//	database      waited for, with backoff
//	migrations    applied, or checked
//	jobs          River begins to work what is stored
//	feed          LISTEN, then sweep, then consume
//
// What upstream APIs there are, the caller says: [Config] has them as values, and
// one of the caller's own is like any other. See examples/embed.
//
// Run blocks until its context ends; then the feed stops, running passes finish
// or give their jobs back, and the connections are closed.
package daemon
