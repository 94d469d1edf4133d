// Package daemon puts tasksync together. Its parts are a list, in the order in which
// they are opened:
//
//	metrics       the registry
//	admin server  /healthz, /readyz and /metrics answer from now on
//	HTTP server   /healthz answers there too; the API answers 503
//	database      waited for, with backoff
//	sessions      runs: those that were closed and that the server still has are ended
//	schema        migrations are applied, or checked; runs: what a daemon can live with is logged
//	settlements   the application's function is checked; runs: quarantined settlements are called again
//	syncer        with the adapters of the providers; runs: what looks teach, and shares of the limits
//	API           runs: live updates, the keys that check tokens
//	jobs          River works what is stored; a stop makes passes finish or give their jobs back
//	requests      the API answers, until a stop begins
//	feed          runs: LISTEN, then sweep, then consume
//
// A part runs as soon as it is open. A stop begins when the context of Run ends, or
// when a part fails, to open or to run. It has two steps. First the context of every
// run ends, all at once: jobs, feed and API stop side by side, within 8 s, and what
// has not ended by then is left behind. Then the parts that are open are closed in
// reverse, within another second for all of them. So a stop takes less than 10 s,
// whatever hangs.
//
// So a part that others use while they stop, like the HTTP server and the pool, ends
// in its close. A part whose stop takes time, like jobs, ends in its run: in a close
// it would wait for its turn, and the others for it.
//
// [Config] has the upstream APIs as values, and a provider of the program's own is
// like any other. See examples/embed.
package daemon
