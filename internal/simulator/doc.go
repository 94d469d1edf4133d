// Package simulator is an upstream API that can be run: a real HTTP server
// that accepts tasks, lets them live, and reports their state in a provider's
// wire format. Tests call it over HTTP, `tasksync demo` and
// `tasksync simulate` serve it.
//
// What happens to a task is kept apart from how it is told:
//
//	Submit ──▶ Fate ──▶ life: phases by age, items in full      life.go, fates_*.go
//	                      │   pure function of (life, age)
//	            Fault ──▶ │   of the transport, whatever the life  fault.go
//	                      ▼
//	                    wire: phase ─▶ body                      sunoapi.go, kie.go,
//	                                                             sunoproxy.go, …
//
// A fate is drawn from the seed or scripted by name. A task has no goroutine
// and no timer: its state is computed when it is asked for, so that a test's
// clock moves all tasks at once. A further wire format is one file with a type
// that implements wire, or a [Format] that a test brings; the method fit takes
// away from a life, beforehand, what the format cannot tell.
//
// [Simulator.Task] is the other side of every test: the simulator's own record
// of a task, with the end that a right synchronizer must bring it to.
//
// All formats are served at once; [Config.Provider] says whose tasks they are.
// Webhooks are not sent.
package simulator
