// Package upstreamtest is the suite that every adapter passes, over real HTTP: a
// simulator speaks the wire format of the adapter's provider. The adapters of
// tasksync have their formats in the simulator. A program says itself what its
// provider sends:
//
//	func TestProvider(t *testing.T) {
//		upstreamtest.Run(t, upstreamtest.Subject{
//			Upstream: mine(), // an upstream.Provider
//			Types:    []task.Type{task.Generate},
//			Format: &upstreamtest.Format{
//				One:   "GET /tasks/{id}",
//				Task:  func(told upstreamtest.Task) any { return map[string]any{"state": told.Status, … } },
//				Error: func(status int, text string) (int, any) { return status, map[string]any{"error": text} },
//			},
//		})
//	}
//
// Most tests run in a bubble of testing/synctest, with the server outside of it
// and connections that are closed after each answer: then no goroutine of the
// bubble waits for the network between two requests, and the bubble's clock jumps
// over the pauses. So what takes a credential half a minute takes a test none. A
// bubble is a test of leaks, too: it does not end while one of its goroutines lives.
package upstreamtest
