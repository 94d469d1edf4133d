// Package upstreamtest is the suite that every adapter passes: each one against
// the simulator in its own wire format, over real HTTP.
//
//	func TestSuite(t *testing.T) {
//		upstreamtest.Run(t, upstreamtest.Subject{
//			Provider: "sunoproxy",
//			New:      func(t testing.TB, baseURL, key string) upstream.Adapter { … },
//			Types:    []task.Type{task.Generate, task.Lyrics},
//		})
//	}
//
// Most tests run in a bubble of testing/synctest, with the server outside of it
// and connections that are closed after each answer: then no goroutine of the
// bubble waits for the network between two requests, and its clock jumps over
// the pauses. So what takes a credential half a minute takes a test none. It is
// a test of leaks, too: a bubble does not end while one of its goroutines lives.
package upstreamtest
