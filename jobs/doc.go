// Package jobs is the schedule: River jobs, stored in Postgres, that look after
// pending generations. It is the one place where an outcome becomes a River
// verb.
//
//	sync    follows one cohort: a pass, then a snooze until the next look, until
//	        nobody in it is pending
//	sweep   gives pending rows that no live job follows a job of their own
//	expire  applies the deadline, whatever the upstream does
//
// River is only the schedule; the truth is the row. A job that is lost, killed
// or doubled costs a sweep or a request, never a row. sweep and expire work in
// a queue of their own, so that they run while every sync worker waits for an
// upstream.
package jobs
