// Package jobs is the schedule: River jobs, stored in Postgres, that look after
// pending generations. It is the one place where an outcome becomes a River verb.
//
//	sync    follows one cohort: a pass, then a snooze until the next look, until no
//	        member is pending
//	sweep   gives jobs of their own to pending rows that no live job follows
//	expire  looks for late results, and deletes what is past its retention
//	archive copies the files of a complete row, in a queue of its own
//
// River is only the schedule; the truth is in the rows. A job that is lost, killed or
// doubled costs a sweep or a call, never a row. The sweep runs beside River, in one daemon
// at a time; expire has a queue of its own, so that it runs while every sync worker waits
// for an upstream.
package jobs
