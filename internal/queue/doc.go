// Package queue decides which call to a provider goes next, and when: pure, so that
// a test or a benchmark can play it in virtual time.
//
//	Add(call) ──▶ lanes ──▶ turns of users ──▶ by value ──▶ Next ──▶ Take ──▶ Leave
//	                                                          ▲
//	                                     window: the limit, or a share of it
//
// It does no I/O, waits for nothing and asks no clock: its caller tells the times.
package queue
